using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using FileServer.Database;
using FileServer.Protocol.Contracts;
using Tests.Support;

namespace Tests.Identity;

/// <summary>Accounts, groups, personal tokens and sessions over HTTP; security list rows 8, 15, 17, 90 and mass assignment.</summary>
public sealed class AccountEndpointTests(World world) : IClassFixture<World>
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Wrong_names_and_wrong_passwords_are_answered_alike()
    {
        await world.SignedInAsync("carl", Ct);
        var admin = await world.AdminAsync(Ct);
        await CreateAsync(admin, "carl-disabled");
        await admin.DeleteAsync("/api/v1/admin/users/carl-disabled", Ct);
        var answers = new List<string>();
        foreach (var (user, password) in new[] { ("carl", "wrong password"), ("nobody-here", "wrong password"), ("carl-disabled", Password("carl-disabled")), ("näme that cannot be\0", "wrong password") })
        {
            using var answer = await LoginAsync(user, password);
            var problem = (await answer.Content.ReadFromJsonAsync(WireJson.Default.Problem, Ct))!;
            answers.Add($"{answer.StatusCode} {problem with { RequestId = null }} {string.Join(',', answer.Headers.Select(header => header.Key).Order())}");
        }
        Assert.StartsWith("Unauthorized", answers[0], StringComparison.Ordinal);
        Assert.Single(answers.Distinct());
    }

    [Fact]
    public async Task A_password_beyond_all_measure_is_refused_before_it_is_hashed()
    {
        using var answer = await LoginAsync("admin", new string('x', 1025));
        await AssertProblemAsync(answer, HttpStatusCode.BadRequest, "invalid-request");
        using var body = await world.Anonymous().PostAsync("/api/v1/auth/login", Json("{}"), Ct);
        await AssertProblemAsync(body, HttpStatusCode.BadRequest, "invalid-request");
        using var form = await world.Anonymous().PostAsync("/api/v1/auth/login", new StringContent("user=x", Encoding.UTF8, "application/x-www-form-urlencoded"), Ct);
        await AssertProblemAsync(form, HttpStatusCode.UnsupportedMediaType, "unsupported-media-type");
        using var method = await world.Anonymous().PutAsync("/api/v1/auth/login", Json("{}"), Ct);
        await AssertProblemAsync(method, HttpStatusCode.MethodNotAllowed, "method-not-allowed");
        Assert.Equal(["POST"], method.Content.Headers.Allow);
        using var torn = await world.Anonymous().PostAsync("/api/v1/auth/login", Json("{\"user\":"), Ct);
        await AssertProblemAsync(torn, HttpStatusCode.BadRequest, "malformed-json");
    }

    [Fact]
    public async Task Answers_are_not_stored_and_a_refusal_says_how_to_sign_in()
    {
        var dora = await world.SignedInAsync("dora", Ct);
        using var me = await dora.GetAsync("/api/v1/me", Ct);
        Assert.True(me.Headers.CacheControl!.NoStore);
        using var refused = await world.Anonymous().GetAsync("/api/v1/me", Ct);
        Assert.Equal("Bearer", refused.Headers.WwwAuthenticate.Single().Scheme);
    }

    [Fact]
    public async Task A_member_manages_nobody_not_even_themselves()
    {
        var eve = await world.SignedInAsync("eve", Ct);
        foreach (var (method, path, body) in new (HttpMethod, string, string?)[]
        {
            (HttpMethod.Get, "/api/v1/admin/users", null), (HttpMethod.Post, "/api/v1/admin/users", """{"name":"x","password":"a long enough password","role":"admin"}"""),
            (HttpMethod.Patch, "/api/v1/admin/users/eve", """{"role":"admin"}"""), (HttpMethod.Delete, "/api/v1/admin/users/admin", null),
            (HttpMethod.Post, "/api/v1/admin/groups", """{"name":"g","members":["user:eve"]}"""), (HttpMethod.Get, "/api/v1/admin/groups", null),
            (HttpMethod.Get, "/api/v1/admin/sessions", null), (HttpMethod.Delete, $"/api/v1/admin/sessions/{Guid.CreateVersion7()}", null),
        })
        {
            using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : Json(body) };
            using var answer = await eve.SendAsync(request, Ct);
            await AssertProblemAsync(answer, HttpStatusCode.Forbidden, "forbidden");
        }
        // Members that a body brings along beyond its own are nobody's.
        using var login = await world.Anonymous().PostAsync("/api/v1/auth/login", Json($$"""{"user":"eve","password":"the-long-password-of-eve","role":"admin","disabled":false}"""), Ct);
        Assert.Equal(HttpStatusCode.OK, login.StatusCode);
        Assert.Equal("member", (await eve.GetFromJsonAsync("/api/v1/me", WireJson.Default.Me, Ct))!.Role);
    }

    [Fact]
    public async Task An_account_is_made_found_changed_and_disabled_by_name_or_id()
    {
        var admin = await world.AdminAsync(Ct);
        var made = await CreateAsync(admin, "Frida");
        Assert.Equal(made.Id, (await admin.GetFromJsonAsync("/api/v1/admin/users/FRIDA", WireJson.Default.User, Ct))!.Id);
        using var twice = await admin.PostAsJsonAsync("/api/v1/admin/users", new UserRequest("frida", Password("frida")), WireJson.Default.UserRequest, Ct);
        await AssertProblemAsync(twice, HttpStatusCode.Conflict, "name-taken");
        using var patched = await admin.PatchAsync($"/api/v1/admin/users/{made.Id}", Json("""{"displayName":"Frida K.","role":"auditor"}"""), Ct);
        var after = (await patched.Content.ReadFromJsonAsync(WireJson.Default.User, Ct))!;
        Assert.Equal(("Frida K.", "auditor", false), (after.DisplayName, after.Role, after.Disabled));
        Assert.Equal(HttpStatusCode.NoContent, (await admin.DeleteAsync("/api/v1/admin/users/frida", Ct)).StatusCode);
        Assert.True((await admin.GetFromJsonAsync($"/api/v1/admin/users/{made.Id}", WireJson.Default.User, Ct))!.Disabled);
        using var missing = await admin.GetAsync("/api/v1/admin/users/nobody", Ct);
        await AssertProblemAsync(missing, HttpStatusCode.NotFound, "not-found");
    }

    [Theory]
    [InlineData("", "a long enough password", "invalid-name")]
    [InlineData("a b", "a long enough password", "invalid-name")]
    [InlineData(".dot", "a long enough password", "invalid-name")]
    [InlineData("аdmin", "a long enough password", "invalid-name")]
    [InlineData("0198f3b2-0000-7000-8000-000000000001", "a long enough password", "invalid-name")]
    [InlineData("gustav", "short", "invalid-request")]
    public async Task An_account_that_cannot_be_is_refused(string name, string password, string code)
    {
        var admin = await world.AdminAsync(Ct);
        using var answer = await admin.PostAsJsonAsync("/api/v1/admin/users", new UserRequest(name, password), WireJson.Default.UserRequest, Ct);
        await AssertProblemAsync(answer, HttpStatusCode.BadRequest, code);
    }

    [Fact]
    public async Task The_last_administrator_stays()
    {
        var admin = await world.AdminAsync(Ct);
        using var gone = await admin.DeleteAsync("/api/v1/admin/users/admin", Ct);
        await AssertProblemAsync(gone, HttpStatusCode.UnprocessableEntity, "unprocessable");
        using var demoted = await admin.PatchAsync("/api/v1/admin/users/admin", Json("""{"role":"member"}"""), Ct);
        await AssertProblemAsync(demoted, HttpStatusCode.UnprocessableEntity, "unprocessable");
        Assert.Equal(HttpStatusCode.OK, (await admin.GetAsync("/api/v1/admin/users", Ct)).StatusCode);
    }

    [Fact]
    public async Task Accounts_are_listed_page_by_page()
    {
        var admin = await world.AdminAsync(Ct);
        foreach (var i in Enumerable.Range(0, 3))
            await CreateAsync(admin, $"listed-{i}");
        var names = new List<string>();
        string? next = null;
        do
        {
            var page = (await admin.GetFromJsonAsync($"/api/v1/admin/users?limit=2&cursor={next}", WireJson.Default.PageUser, Ct))!;
            names.AddRange(page.Items.Select(user => user.Name));
            next = page.Next;
        }
        while (next is not null);
        Assert.Equal(names.Distinct().OrderBy(name => name.ToLowerInvariant(), StringComparer.Ordinal), names);
        Assert.Contains("listed-2", names);
    }

    [Fact]
    public async Task Groups_nest_five_deep_and_never_in_a_circle()
    {
        var admin = await world.AdminAsync(Ct);
        var helga = await world.SignedInAsync("helga", Ct);
        await CreateGroupAsync(admin, "level 1", "user:helga");
        for (var level = 2; level <= 5; level++)
            await CreateGroupAsync(admin, $"level {level}", $"group:level {level - 1}");
        using var tooDeep = await PostGroupAsync(admin, "level 6", "group:level 5");
        await AssertProblemAsync(tooDeep, HttpStatusCode.UnprocessableEntity, "unprocessable");
        using var circle = await admin.PostAsync("/api/v1/admin/groups/level%201/members", Json("""{"member":"group:level 3"}"""), Ct);
        await AssertProblemAsync(circle, HttpStatusCode.UnprocessableEntity, "unprocessable");
        using var itself = await admin.PostAsync("/api/v1/admin/groups/level%201/members", Json("""{"member":"group:level 1"}"""), Ct);
        await AssertProblemAsync(itself, HttpStatusCode.UnprocessableEntity, "unprocessable");
        Assert.Equal(["level 1", "level 2", "level 3", "level 4", "level 5"], (await helga.GetFromJsonAsync("/api/v1/me", WireJson.Default.Me, Ct))!.Groups);
        Assert.Equal(HttpStatusCode.NoContent, (await admin.DeleteAsync("/api/v1/admin/groups/level%202", Ct)).StatusCode);
        Assert.Equal(["level 1"], (await helga.GetFromJsonAsync("/api/v1/me", WireJson.Default.Me, Ct))!.Groups);
        Assert.Equal(HttpStatusCode.NoContent, (await admin.DeleteAsync("/api/v1/admin/groups/level%201/members/user:helga", Ct)).StatusCode);
        Assert.Empty((await helga.GetFromJsonAsync("/api/v1/me", WireJson.Default.Me, Ct))!.Groups);
    }

    [Fact]
    public async Task A_personal_token_is_shown_once_works_and_ends()
    {
        var ida = await world.SignedInAsync("ida", Ct);
        var created = await CreateTokenAsync(ida, """{"name":"backup script"}""");
        Assert.StartsWith("fs_pat_", created.Token, StringComparison.Ordinal);
        using var script = With(created.Token);
        Assert.Equal("ida", (await script.GetFromJsonAsync("/api/v1/me", WireJson.Default.Me, Ct))!.Name);
        var listed = Assert.Single((await ida.GetFromJsonAsync("/api/v1/tokens", WireJson.Default.PageTokenInfo, Ct))!.Items);
        Assert.Equal(("backup script", created.Token[..12]), (listed.Name, listed.Prefix));
        Assert.NotNull(listed.LastUsedAt);
        using var minting = await script.PostAsync("/api/v1/tokens", Json("""{"name":"a second one"}"""), Ct);
        await AssertProblemAsync(minting, HttpStatusCode.Forbidden, "forbidden");
        using var changing = await script.PostAsync("/api/v1/me/password", Json("""{"current":"x","new":"a long enough password"}"""), Ct);
        await AssertProblemAsync(changing, HttpStatusCode.Forbidden, "forbidden");
        // Somebody else's token is not there to be revoked.
        var jan = await world.SignedInAsync("jan", Ct);
        Assert.Equal(HttpStatusCode.NotFound, (await jan.DeleteAsync($"/api/v1/tokens/{created.Id}", Ct)).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await ida.DeleteAsync($"/api/v1/tokens/{created.Id}", Ct)).StatusCode);
        using var revoked = await script.GetAsync("/api/v1/me", Ct);
        await AssertProblemAsync(revoked, HttpStatusCode.Unauthorized, "token-revoked");
    }

    [Fact]
    public async Task An_administrator_ends_a_token_that_strayed()
    {
        var quentin = await world.SignedInAsync("quentin", Ct);
        var created = await CreateTokenAsync(quentin, """{"name":"strayed"}""");
        var admin = await world.AdminAsync(Ct);
        var listed = Assert.Single((await admin.GetFromJsonAsync("/api/v1/admin/tokens?user=quentin", WireJson.Default.PageTokenInfo, Ct))!.Items);
        Assert.Equal(("strayed", "quentin", created.Token[..12]), (listed.Name, listed.User, listed.Prefix));
        Assert.Equal(HttpStatusCode.NoContent, (await admin.DeleteAsync($"/api/v1/admin/tokens/{listed.Id}", Ct)).StatusCode);
        using var revoked = await With(created.Token).GetAsync("/api/v1/me", Ct);
        await AssertProblemAsync(revoked, HttpStatusCode.Unauthorized, "token-revoked");
    }

    [Fact]
    public async Task A_narrowed_token_does_not_reach_what_its_owner_manages()
    {
        var admin = await world.AdminAsync(Ct);
        var created = await CreateTokenAsync(admin, """{"name":"reader","rights":["list","read"]}""");
        using var narrowed = With(created.Token);
        Assert.Equal(HttpStatusCode.OK, (await narrowed.GetAsync("/api/v1/me", Ct)).StatusCode);
        foreach (var path in new[] { "/api/v1/admin/users", "/api/v1/tokens", "/api/v1/sessions", "/api/v1/audit" })
        {
            using var answer = await narrowed.GetAsync(path, Ct);
            await AssertProblemAsync(answer, HttpStatusCode.Forbidden, "forbidden");
        }
        using var unknown = await admin.PostAsync("/api/v1/tokens", Json("""{"name":"x","rights":["fly"]}"""), Ct);
        await AssertProblemAsync(unknown, HttpStatusCode.BadRequest, "invalid-request");
        using var past = await admin.PostAsync("/api/v1/tokens", Json("""{"name":"x","expiresAt":"2001-01-01T00:00:00Z"}"""), Ct);
        await AssertProblemAsync(past, HttpStatusCode.BadRequest, "invalid-request");
    }

    [Fact]
    public async Task A_token_is_narrowed_to_what_its_owner_can_see()
    {
        var space = await world.SpaceAsync("narrow", "editor", ["otto"], Ct);
        var otto = await world.SignedInAsync("otto", Ct);
        await world.Database.ExecuteAsync(
            """
            insert into nodes (space_id, id, parent_id, name, name_key, kind, access_id, modified_at, changed_revision, changed_at, changed_by)
            select space_id, @folder, id, 'Reports', 'reports', 0, id, now(), changed_revision + 1, now(), changed_by from nodes where id = @space
            """,
            new { folder = FileServer.Protocol.NodeId.New(), space = space.Id },
            Ct);
        var created = await CreateTokenAsync(otto, """{"name":"x","space":"narrow","path":"/reports/","rights":["read","list"]}""");
        var listed = (await otto.GetFromJsonAsync("/api/v1/tokens", WireJson.Default.PageTokenInfo, Ct))!.Items.Single(token => token.Id == created.Id);
        Assert.Equal(("narrow", "/reports/", "list,read"), (listed.Space, listed.Path, string.Join(',', listed.Rights!)));
        var stranger = await world.SignedInAsync("paula", Ct);
        foreach (var body in new[] { """{"name":"x","space":"narrow"}""", """{"name":"x","space":"narrow","path":"/reports"}""", """{"name":"x","space":"no such space"}""" })
        {
            using var answer = await stranger.PostAsync("/api/v1/tokens", Json(body), Ct);
            await AssertProblemAsync(answer, HttpStatusCode.NotFound, "not-found");
        }
        using var missing = await otto.PostAsync("/api/v1/tokens", Json("""{"name":"x","space":"narrow","path":"/none"}"""), Ct);
        await AssertProblemAsync(missing, HttpStatusCode.NotFound, "not-found");
    }

    [Fact]
    public async Task A_token_in_the_address_is_refused()
    {
        var karl = await world.SignedInAsync("karl", Ct);
        var token = karl.DefaultRequestHeaders.Authorization!.Parameter;
        foreach (var name in new[] { "access_token", "token", "auth" })
        {
            using var answer = await world.Anonymous().GetAsync($"/api/v1/me?{name}={token}", Ct);
            Assert.True(answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.BadRequest);
        }
    }

    [Fact]
    public async Task Sessions_are_listed_and_ended()
    {
        var lea = await world.SignedInAsync("lea", Ct);
        using var login = await LoginAsync("lea", Password("lea"), "a laptop");
        var laptop = (await login.Content.ReadFromJsonAsync(WireJson.Default.SessionTokens, Ct))!;
        var sessions = (await lea.GetFromJsonAsync("/api/v1/sessions", WireJson.Default.PageSession, Ct))!.Items;
        Assert.Equal(["a laptop", null], sessions.Select(session => session.Device));
        var max = await world.SignedInAsync("max", Ct);
        Assert.Equal(HttpStatusCode.NotFound, (await max.DeleteAsync($"/api/v1/sessions/{sessions[0].Id}", Ct)).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await lea.DeleteAsync($"/api/v1/sessions/{sessions[0].Id}", Ct)).StatusCode);
        using var ended = await With(laptop.AccessToken).GetAsync("/api/v1/me", Ct);
        await AssertProblemAsync(ended, HttpStatusCode.Unauthorized, "token-revoked");
        var admin = await world.AdminAsync(Ct);
        var leas = (await admin.GetFromJsonAsync("/api/v1/admin/sessions?user=lea", WireJson.Default.PageSession, Ct))!.Items;
        Assert.Equal(HttpStatusCode.NoContent, (await admin.DeleteAsync($"/api/v1/admin/sessions/{Assert.Single(leas).Id}", Ct)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await lea.GetAsync("/api/v1/me", Ct)).StatusCode);
    }

    [Fact]
    public async Task Logging_out_works_with_either_token_and_twice()
    {
        await world.SignedInAsync("nele", Ct);
        using var first = await LoginAsync("nele", Password("nele"));
        var byRefresh = (await first.Content.ReadFromJsonAsync(WireJson.Default.SessionTokens, Ct))!;
        using var second = await LoginAsync("nele", Password("nele"));
        var byAccess = (await second.Content.ReadFromJsonAsync(WireJson.Default.SessionTokens, Ct))!;
        for (var i = 0; i < 2; i++)
        {
            using var answer = await world.Anonymous().PostAsJsonAsync("/api/v1/auth/logout", new RefreshRequest(byRefresh.RefreshToken), WireJson.Default.RefreshRequest, Ct);
            Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        }
        using var bearer = await With(byAccess.AccessToken).PostAsync("/api/v1/auth/logout", null, Ct);
        Assert.Equal(HttpStatusCode.NoContent, bearer.StatusCode);
        foreach (var token in new[] { byRefresh.AccessToken, byAccess.AccessToken })
            Assert.Equal(HttpStatusCode.Unauthorized, (await With(token).GetAsync("/api/v1/me", Ct)).StatusCode);
        using var nothing = await world.Anonymous().PostAsync("/api/v1/auth/logout", null, Ct);
        await AssertProblemAsync(nothing, HttpStatusCode.Unauthorized, "not-signed-in");
    }

    static string Password(string name) => $"the-long-password-of-{name}";

    static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    static async Task AssertProblemAsync(HttpResponseMessage answer, HttpStatusCode status, string code)
    {
        var text = await answer.Content.ReadAsStringAsync(Ct);
        Assert.True(answer.StatusCode == status, $"{answer.RequestMessage!.Method} {answer.RequestMessage.RequestUri} answered {(int)answer.StatusCode}: {text}");
        Assert.Equal(code, System.Text.Json.JsonSerializer.Deserialize(text, WireJson.Default.Problem)!.Code);
        Assert.DoesNotContain("   at ", text, StringComparison.Ordinal);
    }

    HttpClient With(string token)
    {
        var client = world.Anonymous();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return client;
    }

    Task<HttpResponseMessage> LoginAsync(string user, string password, string? device = null) =>
        world.Anonymous().PostAsJsonAsync("/api/v1/auth/login", new LoginRequest(user, password, device), WireJson.Default.LoginRequest, Ct);

    static async Task<User> CreateAsync(HttpClient admin, string name)
    {
        using var answer = await admin.PostAsJsonAsync("/api/v1/admin/users", new UserRequest(name, Password(name)), WireJson.Default.UserRequest, Ct);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return (await answer.Content.ReadFromJsonAsync(WireJson.Default.User, Ct))!;
    }

    static Task<HttpResponseMessage> PostGroupAsync(HttpClient admin, string name, string member) =>
        admin.PostAsJsonAsync("/api/v1/admin/groups", new GroupRequest(name, [member]), WireJson.Default.GroupRequest, Ct);

    static async Task CreateGroupAsync(HttpClient admin, string name, string member)
    {
        using var answer = await PostGroupAsync(admin, name, member);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
    }

    static async Task<CreatedToken> CreateTokenAsync(HttpClient client, string body)
    {
        using var answer = await client.PostAsync("/api/v1/tokens", Json(body), Ct);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return (await answer.Content.ReadFromJsonAsync(WireJson.Default.CreatedToken, Ct))!;
    }
}
