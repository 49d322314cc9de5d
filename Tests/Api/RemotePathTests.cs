using FileClient.Api;
using FileClient.Terminal;

namespace Tests.Api;

public sealed class RemotePathTests
{
    [Theory]
    [InlineData("team:/", "team", "/", false)]
    [InlineData("team:", "team", "/", false)]
    [InlineData("team:/a", "team", "/a", false)]
    [InlineData("team:/a/", "team", "/a", true)]
    [InlineData("team:/a//b", "team", "/a/b", false)]
    [InlineData("my team:/with space/ümlaut", "my team", "/with space/ümlaut", false)]
    [InlineData("team:/a:b", "team", "/a:b", false)]
    public void A_remote_path_has_a_space_and_names(string text, string space, string path, bool folder)
    {
        var parsed = RemotePath.Parse(text);
        Assert.Equal((space, path, folder), (parsed.Space, parsed.Path, parsed.MeansFolder));
    }

    [Theory]
    [InlineData("file.txt", "write SPACE:/path")]
    [InlineData("./file.txt", "write SPACE:/path")]
    [InlineData("/a:/b", "write SPACE:/path")]
    [InlineData(":/a", "names no space")]
    [InlineData("team:a/b", "write team:/a/b")]
    [InlineData("team:/a/../b", "'..'")]
    [InlineData("team:/./a", "'.'")]
    [InlineData("", "write SPACE:/path")]
    public void What_is_wrong_with_a_path_is_said(string text, string hint)
    {
        var failure = Assert.Throws<Failure>(() => RemotePath.Parse(text));
        Assert.Equal(ExitCode.Usage, failure.Exit);
        Assert.Contains(hint, failure.Message);
    }

    [Theory]
    [InlineData("s:/a b", "a%20b")]
    [InlineData("s:/a%2Fb", "a%252Fb")]
    [InlineData("s:/a?b#c", "a%3Fb%23c")]
    [InlineData("s:/ä/+&=", "%C3%A4/%2B%26%3D")]
    public void Each_name_is_percent_encoded_on_its_own(string text, string encoded) => Assert.Equal(encoded, RemotePath.Parse(text).Encoded);

    [Fact]
    public void Equal_paths_are_equal_whatever_lists_they_are_made_of() =>
        Assert.Equal(RemotePath.Parse("s:/a/b"), RemotePath.Parse("s:/a").Child("b"));

    [Fact]
    public void A_bare_name_is_a_space_where_a_folder_is_meant() => Assert.Equal(RemotePath.Parse("team:/"), RemotePath.ParseFolder("team"));
}
