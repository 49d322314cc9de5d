using System.Net;
using System.Net.Http.Json;
using FileServer.Protocol.Contracts;
using Tests.Support;

namespace Tests.Identity;

public sealed class SignInTests(World world) : IClassFixture<World>
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Whoever_signs_in_is_told_who_they_are()
    {
        var ann = await world.SignedInAsync("ann", Ct);
        var me = await ann.GetFromJsonAsync("/api/v1/me", WireJson.Default.Me, Ct);
        Assert.Equal(("ann", "member"), (me!.Name, me.Role));
    }

    [Fact]
    public async Task Without_credentials_nothing_is_answered()
    {
        using var nobody = world.Anonymous();
        var answer = await nobody.GetAsync("/api/v1/me", Ct);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Equal("not-signed-in", (await answer.Content.ReadFromJsonAsync(WireJson.Default.Problem, Ct))!.Code);
    }
}
