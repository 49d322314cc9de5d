using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using FileServer.Protocol.Contracts;
using Tests.Support;

namespace Tests.Access;

/// <summary>Spaces, grants and narrowed tokens, over the wire.</summary>
public sealed class SpacesTests(World world) : IClassFixture<World>
{
    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    static string NewName() => $"s{Guid.CreateVersion7():N}";

    static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");

    static async Task<string?> CodeAsync(HttpResponseMessage answer) => (await answer.Content.ReadFromJsonAsync(WireJson.Default.Problem, Cancelled))!.Code;

    [Fact]
    public async Task A_space_is_seen_named_and_deleted_by_its_people_only()
    {
        var name = NewName();
        var space = await world.SpaceAsync(name, "viewer", ["ann"], Cancelled);
        var (admin, ann, eve) = (await world.AdminAsync(Cancelled), await world.SignedInAsync("ann", Cancelled), await world.SignedInAsync("eve", Cancelled));
        Assert.Contains(space.Id, (await ann.GetFromJsonAsync("/api/v1/spaces", WireJson.Default.PageSpace, Cancelled))!.Items.Select(item => item.Id));
        Assert.DoesNotContain(space.Id, (await eve.GetFromJsonAsync("/api/v1/spaces", WireJson.Default.PageSpace, Cancelled))!.Items.Select(item => item.Id));
        Assert.Equal("not-found", await CodeAsync(await eve.GetAsync($"/api/v1/spaces/{name}", Cancelled)));
        Assert.Equal("name-taken", await CodeAsync(await eve.PostAsync("/api/v1/spaces", Json($$"""{"name":"{{name.ToUpperInvariant()}}"}"""), Cancelled)));
        Assert.Equal("forbidden", await CodeAsync(await ann.PatchAsync($"/api/v1/spaces/{name}", Json("""{"name":"other"}"""), Cancelled)));
        var changed = await admin.PatchAsync($"/api/v1/spaces/{name}", Json($$"""{"name":"{{name}}-2","quotaBytes":5}"""), Cancelled);
        Assert.Equal(5, (await changed.Content.ReadFromJsonAsync(WireJson.Default.Space, Cancelled))!.QuotaBytes);
        var tooMuch = await admin.PutAsync($"/api/v1/spaces/{name}-2/files/a", new StringContent("six bytes or more"), Cancelled);
        var refused = (await tooMuch.Content.ReadFromJsonAsync(WireJson.Default.Problem, Cancelled))!;
        Assert.Equal((HttpStatusCode.InsufficientStorage, "quota-exceeded", 5), (tooMuch.StatusCode, refused.Code, refused.Limit));
        var lifted = await admin.PatchAsync($"/api/v1/spaces/{space.Id}", Json("""{"quotaBytes":null}"""), Cancelled);
        Assert.Null((await lifted.Content.ReadFromJsonAsync(WireJson.Default.Space, Cancelled))!.QuotaBytes);
        Assert.Equal(HttpStatusCode.Forbidden, (await ann.DeleteAsync($"/api/v1/spaces/{space.Id}", Cancelled)).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await admin.DeleteAsync($"/api/v1/spaces/{space.Id}", Cancelled)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await ann.GetAsync($"/api/v1/spaces/{space.Id}/nodes/{space.Id}", Cancelled)).StatusCode);
    }

    [Fact]
    public async Task Grants_are_listed_given_and_ended()
    {
        var space = await world.SpaceAsync(NewName(), "viewer", ["ann", "ben"], Cancelled);
        var (admin, ann) = (await world.AdminAsync(Cancelled), await world.SignedInAsync("ann", Cancelled));
        var grants = $"/api/v1/spaces/{space.Id}/nodes/{space.Id}/grants";
        var list = (await admin.GetFromJsonAsync(grants, WireJson.Default.GrantList, Cancelled))!;
        Assert.Equal(["user:admin manager", "user:ann viewer", "user:ben viewer"], list.Items.Select(grant => $"{grant.Principal} {grant.Role}"));
        Assert.Equal("forbidden", await CodeAsync(await ann.GetAsync(grants, Cancelled)));
        Assert.Equal("forbidden", await CodeAsync(await ann.PostAsync(grants, Json("""{"principal":"user:ann","role":"manager"}"""), Cancelled)));
        Assert.Equal("invalid-request", await CodeAsync(await admin.PostAsync(grants, Json("""{"principal":"user:ann","role":"owner"}"""), Cancelled)));
        Assert.Equal("not-found", await CodeAsync(await admin.PostAsync(grants, Json("""{"principal":"user:nobody","role":"viewer"}"""), Cancelled)));
        Assert.Equal(HttpStatusCode.NoContent, (await admin.DeleteAsync($"{grants}/{list.Items[1].Id}", Cancelled)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await ann.GetAsync($"/api/v1/spaces/{space.Id}", Cancelled)).StatusCode);
        var folder = (await (await admin.PostAsync($"/api/v1/spaces/{space.Id}/files/closed?mkdir", null, Cancelled)).Content.ReadFromJsonAsync(WireJson.Default.Node, Cancelled))!;
        var closed = await admin.PutAsync($"/api/v1/spaces/{space.Id}/nodes/{folder.Id}/inheritance", Json("""{"inherit":false}"""), Cancelled);
        var below = (await closed.Content.ReadFromJsonAsync(WireJson.Default.GrantList, Cancelled))!;
        Assert.False(below.Inherits);
        Assert.Equal("user:admin", Assert.Single(below.Items).Principal);
        var ben = await world.SignedInAsync("ben", Cancelled);
        Assert.Equal(HttpStatusCode.NotFound, (await ben.GetAsync($"/api/v1/spaces/{space.Id}/nodes/{folder.Id}", Cancelled)).StatusCode);
    }

    [Fact]
    public async Task A_token_narrowed_to_a_folder_reaches_that_folder_only()
    {
        var space = await world.SpaceAsync(NewName(), "editor", ["cat"], Cancelled);
        var cat = await world.SignedInAsync("cat", Cancelled);
        var files = $"/api/v1/spaces/{space.Name}/files";
        await cat.PutAsync($"{files}/in/a.txt?parents=true", new StringContent("inside"), Cancelled);
        await cat.PutAsync($"{files}/out.txt", new StringContent("outside"), Cancelled);
        var made = await cat.PostAsync("/api/v1/tokens", Json($$"""{"name":"script","space":"{{space.Name}}","path":"/in","rights":["list","read"]}"""), Cancelled);
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        var token = (await made.Content.ReadFromJsonAsync(WireJson.Default.CreatedToken, Cancelled))!.Token;
        using var script = world.Anonymous();
        script.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        Assert.Equal("inside", await script.GetStringAsync($"{files}/in/a.txt", Cancelled));
        Assert.Single((await script.GetFromJsonAsync($"{files}/in/", WireJson.Default.PageNode, Cancelled))!.Items);
        Assert.Equal(HttpStatusCode.NotFound, (await script.GetAsync($"{files}/out.txt", Cancelled)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await script.PutAsync($"{files}/in/a.txt", new StringContent("changed"), Cancelled)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await script.PutAsync($"{files}/new.txt", new StringContent("new"), Cancelled)).StatusCode);
    }

    [Fact]
    public async Task What_does_not_fit_is_refused_and_changes_nothing()
    {
        var space = await world.SpaceAsync(NewName(), "editor", ["cat"], Cancelled);
        var (admin, cat) = (await world.AdminAsync(Cancelled), await world.SignedInAsync("cat", Cancelled));
        var at = $"/api/v1/spaces/{space.Id}";
        Assert.Equal("malformed-json", await CodeAsync(await admin.PatchAsync(at, Json("""{"name":5}"""), Cancelled)));
        Assert.Equal("malformed-json", await CodeAsync(await admin.PatchAsync(at, Json("""{"name":"\ud800"}"""), Cancelled)));
        Assert.Equal("invalid-request", await CodeAsync(await admin.PatchAsync(at, Json("""{"name":null}"""), Cancelled)));
        Assert.Equal("not-found", await CodeAsync(await cat.PostAsync("/api/v1/tokens", Json("""{"name":"t","space":"a\u0000b"}"""), Cancelled)));
        var folder = (await (await cat.PostAsync($"{at}/files/open?mkdir", null, Cancelled)).Content.ReadFromJsonAsync(WireJson.Default.Node, Cancelled))!;
        // An empty body must not stop the inheritance.
        Assert.Equal("malformed-json", await CodeAsync(await admin.PutAsync($"{at}/nodes/{folder.Id}/inheritance", Json("{}"), Cancelled)));
        Assert.Equal(HttpStatusCode.OK, (await cat.GetAsync($"{at}/nodes/{folder.Id}", Cancelled)).StatusCode);
        Assert.Equal("invalid-request", await CodeAsync(await cat.PostAsync($"{at}/changesets", Json($$"""{"id":"{{Guid.CreateVersion7()}}","operations":[null]}"""), Cancelled)));
        Assert.Equal(space.Name, (await admin.GetFromJsonAsync(at, WireJson.Default.Space, Cancelled))!.Name);
    }
}
