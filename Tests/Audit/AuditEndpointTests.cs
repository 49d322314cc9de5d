using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using FileServer.Audit;
using FileServer.Database;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.DependencyInjection;
using Tests.Support;

namespace Tests.Audit;

/// <summary>The log as auditors read it.</summary>
public sealed class AuditEndpointTests(World world) : IClassFixture<World>
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Members_do_not_read_the_log_and_their_trying_is_in_it()
    {
        var ann = await world.SignedInAsync("ann", Ct);
        using var answer = await ann.GetAsync("/api/v1/audit", Ct);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        var page = await GetAsync("?actor=ann&outcome=refused&action=route.refuse");
        Assert.Contains(page.Items, row => row.Subject == "GET /api/v1/audit");
    }

    [Fact]
    public async Task An_auditor_reads_the_log_and_nothing_else()
    {
        var auditor = await AuditorAsync();
        Assert.Equal(HttpStatusCode.OK, (await auditor.GetAsync("/api/v1/audit", Ct)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await auditor.GetAsync("/api/v1/me", Ct)).StatusCode);
        foreach (var elsewhere in new[] { "/api/v1/admin/users", "/api/v1/admin/groups", "/api/v1/admin/sessions", "/api/v1/spaces" })
        {
            var status = (await auditor.GetAsync(elsewhere, Ct)).StatusCode;
            Assert.True(status is HttpStatusCode.Forbidden or HttpStatusCode.NotFound, $"{elsewhere} answered {status}");
        }
    }

    [Fact]
    public async Task Pages_follow_each_other_without_gap_or_repetition()
    {
        await AppendAsync(25, "test.page", i => $"page row {i}");
        var seen = new List<string>();
        string? cursor = null;
        do
        {
            var page = await GetAsync($"?action=test.page&limit=10{(cursor is null ? "" : $"&cursor={cursor}")}");
            seen.AddRange(page.Items.Select(row => row.Subject!));
            cursor = page.Next;
        }
        while (cursor is not null);
        Assert.Equal(Enumerable.Range(0, 25).Reverse().Select(i => $"page row {i}"), seen);
    }

    [Fact]
    public async Task Filters_narrow_and_a_cursor_belongs_to_its_filter()
    {
        await AppendAsync(3, "test.filter", i => $"filtered {i}");
        Assert.Equal(3, (await GetAsync("?action=test.filter")).Items.Count);
        Assert.Equal(3, (await GetAsync("?action=test.*&actor=test&outcome=done")).Items.Count(row => row.Action == "test.filter"));
        Assert.Empty((await GetAsync("?action=test.filter&outcome=failed")).Items);
        Assert.Empty((await GetAsync("?action=test.filter&to=2001-01-01T00:00:00Z")).Items);
        Assert.Empty((await GetAsync($"?action=test.filter&node={Guid.CreateVersion7()}")).Items);
        var auditor = await AuditorAsync();
        var next = (await GetAsync("?action=test.filter&limit=1")).Next;
        Assert.Equal(HttpStatusCode.BadRequest, (await auditor.GetAsync($"/api/v1/audit?action=test.other&limit=1&cursor={next}", Ct)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await auditor.GetAsync("/api/v1/audit?space=none-of-ours", Ct)).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await auditor.GetAsync("/api/v1/audit?outcome=maybe", Ct)).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await auditor.GetAsync("/api/v1/audit?from=yesterday", Ct)).StatusCode);
    }

    [Fact]
    public async Task Sign_ins_and_administration_are_on_record()
    {
        await world.SignedInAsync("bob", Ct);
        using (var stranger = world.Anonymous())
            await stranger.PostAsJsonAsync("/api/v1/auth/login", new LoginRequest("bob", "not his password"), WireJson.Default.LoginRequest, Ct);
        var logins = (await GetAsync("?action=auth.login")).Items.Where(row => row.Subject == "bob").Select(row => row.Outcome).ToList();
        Assert.Equal(["refused", "done"], logins);
        var created = Assert.Single((await GetAsync("?action=user.create&actor=admin")).Items, row => row.Subject == "bob");
        Assert.Equal(("admin", "session", "127.0.0.1"), (created.Actor, created.AuthKind, created.ClientIp));
    }

    [Fact]
    public async Task Reading_the_log_is_in_the_log()
    {
        var auditor = await AuditorAsync();
        await auditor.GetAsync("/api/v1/audit?action=test.marked", Ct);
        var read = (await GetAsync("?action=audit.read&actor=auditor")).Items;
        Assert.Contains(read, row => row.Detail is { } detail && detail.TryGetProperty("action", out var action) && action.GetString() == "test.marked");
    }

    [Fact]
    public async Task The_export_as_NDJSON_is_one_event_a_line_the_oldest_first()
    {
        await AppendAsync(4500, "test.export", i => $"line {i}\r\nand \u001b[31m");
        using var answer = await ExportAsync("application/x-ndjson", "?action=test.export");
        Assert.Equal("application/x-ndjson", answer.Content.Headers.ContentType!.MediaType);
        var lines = (await answer.Content.ReadAsStringAsync(Ct)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(4500, lines.Length);
        Assert.Equal(
            Enumerable.Range(0, 4500).Select(i => $"line {i}\r\nand \u001b[31m"),
            lines.Select(line => JsonSerializer.Deserialize(line, WireJson.Default.AuditEvent)!.Subject));
    }

    [Fact]
    public async Task The_export_as_CSV_holds_no_formula()
    {
        string[] names = ["=cmd|' /C calc'!A0", "+1", "-1", "@sum(a1)", "\tx", "  =1+1", "plain, with \"quotes\"\r\nand lines"];
        await AppendAsync(names.Length, "test.csv", i => names[i]);
        using var answer = await ExportAsync("text/csv", "?action=test.csv");
        var text = await answer.Content.ReadAsStringAsync(Ct);
        Assert.StartsWith("\"id\",\"at\",\"actorId\"", text, StringComparison.Ordinal);
        Assert.Contains("\"'=cmd|' /C calc'!A0\"", text, StringComparison.Ordinal);
        Assert.Contains("\"plain, with \"\"quotes\"\"\r\nand lines\"", text, StringComparison.Ordinal);
        foreach (var dangerous in new[] { ",\"=", ",\"+", ",\"-", ",\"@", ",\"\t", ",\"  =" })
            Assert.DoesNotContain(dangerous, text, StringComparison.Ordinal);
        Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
    }

    [Fact]
    public async Task A_format_that_is_not_there_is_refused()
    {
        using var answer = await ExportAsync("application/pdf", "");
        Assert.Equal(HttpStatusCode.NotAcceptable, answer.StatusCode);
    }

    async Task<Page<AuditEvent>> GetAsync(string query)
    {
        var auditor = await AuditorAsync();
        return (await auditor.GetFromJsonAsync($"/api/v1/audit{query}", WireJson.Default.PageAuditEvent, Ct))!;
    }

    async Task<HttpResponseMessage> ExportAsync(string accept, string query)
    {
        var auditor = await AuditorAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/v1/audit{query}");
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(accept));
        return await auditor.SendAsync(request, Ct);
    }

    async Task<HttpClient> AuditorAsync()
    {
        const string Password = "what an auditor types";
        var admin = await world.AdminAsync(Ct);
        await admin.PostAsJsonAsync("/api/v1/admin/users", new UserRequest("auditor", Password, Role: "auditor"), WireJson.Default.UserRequest, Ct);
        return auditorClient ??= await SignInAsync(Password);
    }

    HttpClient? auditorClient;

    async Task<HttpClient> SignInAsync(string password)
    {
        var client = world.Anonymous();
        var answer = await client.PostAsJsonAsync("/api/v1/auth/login", new LoginRequest("auditor", password), WireJson.Default.LoginRequest, Ct);
        var tokens = (await answer.Content.ReadFromJsonAsync(WireJson.Default.SessionTokens, Ct))!;
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", tokens.AccessToken);
        return client;
    }

    Task AppendAsync(int count, string action, Func<int, string> subject) => world.Database.InTransactionAsync(
        tx => world.Services.GetRequiredService<AuditLog>().AppendAsync(
            tx, [.. Enumerable.Range(0, count).Select(i => new AuditRecord(Actor.System("test"), action, AuditOutcome.Done, Subject: subject(i)))], Ct),
        Ct);
}
