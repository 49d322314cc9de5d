using System.Text.Json;
using FileServer.Protocol.Contracts;

namespace Tests.Protocol;

public sealed class WordTests
{
    [Theory]
    [InlineData(NodeKind.Folder, "\"folder\"")]
    [InlineData(NodeKind.Symlink, "\"symlink\"")]
    public void Kinds_travel_in_the_contracts_own_words(NodeKind kind, string json)
    {
        Assert.Equal(json, JsonSerializer.Serialize(kind, WireJson.Default.NodeKind));
        Assert.Equal(kind, JsonSerializer.Deserialize(json, WireJson.Default.NodeKind));
    }

    [Fact]
    public void Operations_travel_in_the_contracts_own_words() =>
        Assert.Equal("\"createFolder\"", JsonSerializer.Serialize(OperationKind.CreateFolder, WireJson.Default.OperationKind));

    [Fact]
    public void A_number_is_no_word() =>
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize("1", WireJson.Default.NodeKind));
}
