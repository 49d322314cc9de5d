using System.Text.Json;
using FileServer.Audit;
using FileServer.Http;
using FileServer.Protocol.Contracts;
using Microsoft.AspNetCore.Http.HttpResults;

namespace FileServer.Identity;

/// <summary>What administrators manage: accounts, groups, and everybody's tokens and sessions.</summary>
static class AdminEndpoints
{
    const int UsualPage = 100;
    const int MaxPage = 1000;

    public static void Map(IEndpointRouteBuilder api)
    {
        var admin = api.MapGroup("/admin").OnlyFor("admin").Requires("the role admin");
        admin.MapGet("/users", ListUsers).WithSummary("The accounts, by name");
        admin.MapPost("/users", CreateUser).WithSummary("A new account");
        admin.MapGet("/users/{user}", GetUser).WithSummary("One account");
        admin.MapPatch("/users/{user}", PatchUser).WithSummary("Another display name, role, state or password (JSON merge patch)").HonoursConditions()
            .Accepts<UserPatch>("application/merge-patch+json", "application/json");
        admin.MapDelete("/users/{user}", DisableUser).WithSummary("Disables an account; what it did stays its own").HonoursConditions();
        admin.MapGet("/groups", ListGroups).WithSummary("The groups, by name");
        admin.MapPost("/groups", CreateGroup).WithSummary("A new group");
        admin.MapGet("/groups/{group}", GetGroup).WithSummary("One group").Produces<Group>();
        admin.MapDelete("/groups/{group}", DeleteGroup).WithSummary("Deletes a group and what was granted to it").HonoursConditions();
        admin.MapPost("/groups/{group}/members", AddMember).WithSummary("Takes a user or a group into a group").HonoursConditions();
        admin.MapDelete("/groups/{group}/members/{member}", RemoveMember).WithSummary("Takes a member out of a group").HonoursConditions();
        admin.MapGet("/tokens", ListTokens).WithSummary("Everybody's or one user's personal access tokens");
        admin.MapDelete("/tokens/{id:guid}", RevokeToken).WithSummary("Ends a personal access token");
        admin.MapGet("/sessions", ListSessions).WithSummary("Everybody's or one user's sessions");
        admin.MapDelete("/sessions/{id:guid}", EndSession).WithSummary("Ends a session");
    }

    static async Task<Ok<Page<User>>> ListUsers(Accounts accounts, HttpContext context, CancellationToken ct, int? limit = null, string? cursor = null)
    {
        var count = Paging.Limit(limit, UsualPage, MaxPage);
        var rows = await accounts.ListAsync(Paging.Start(cursor, "users", 1)?[0], count + 1, ct);
        return TypedResults.Ok(Paging.Page(context, "users", rows, count, row => row.ToUser(), row => [AccountNames.Key(row.Name)]));
    }

    static async Task<Created<User>> CreateUser(HttpContext context, UserRequest body, Actor actor, Accounts accounts, CancellationToken ct)
    {
        var user = await accounts.CreateAsync(actor, body, ct);
        context.Response.Headers.ETag = Accounts.ETag(user);
        return TypedResults.Created($"{context.Request.PathBase}/api/v1/admin/users/{user.Id}", user);
    }

    static Ok<User> Tagged(HttpContext context, User user)
    {
        context.Response.Headers.ETag = Accounts.ETag(user);
        return TypedResults.Ok(user);
    }

    static async Task<Ok<User>> GetUser(HttpContext context, string user, Accounts accounts, CancellationToken ct) =>
        Tagged(context, await accounts.FindAsync(user, ct));

    // A merge patch tells "absent" from "null", which a record cannot (RFC 7396).
    static async Task<Ok<User>> PatchUser(HttpContext context, string user, JsonElement patch, Expectation expected, Actor actor, Accounts accounts, CancellationToken ct)
    {
        if (patch.ValueKind != JsonValueKind.Object)
            throw Refusal.Invalid("Send a JSON object with one or more of 'displayName', 'role', 'disabled', 'password'.");
        var body = patch.Deserialize(WireJson.Default.UserPatch)!;
        if (patch.TryGetProperty("displayName", out var name) && name.ValueKind == JsonValueKind.Null)
            body = body with { DisplayName = "" };
        return Tagged(context, await accounts.PatchAsync(actor, user, body, expected, ct));
    }

    static async Task<NoContent> DisableUser(string user, Expectation expected, Actor actor, Accounts accounts, CancellationToken ct)
    {
        await accounts.PatchAsync(actor, user, new UserPatch(Disabled: true), expected, ct);
        return TypedResults.NoContent();
    }

    static async Task<Ok<Page<Group>>> ListGroups(Groups groups, HttpContext context, CancellationToken ct, int? limit = null, string? cursor = null)
    {
        var count = Paging.Limit(limit, UsualPage, MaxPage);
        var rows = await groups.ListAsync(Paging.Start(cursor, "groups", 1)?[0], count + 1, ct);
        return TypedResults.Ok(Paging.Page(context, "groups", rows, count, row => row.Group, row => [row.Key]));
    }

    static async Task<Created<Group>> CreateGroup(HttpContext context, GroupRequest body, Actor actor, Groups groups, CancellationToken ct)
    {
        var group = await groups.CreateAsync(actor, body, ct);
        context.Response.Headers.ETag = Groups.ETag(group);
        return TypedResults.Created($"{context.Request.PathBase}/api/v1/admin/groups/{group.Id}", group);
    }

    static async Task<IResult> GetGroup(HttpContext context, string group, Groups groups, CancellationToken ct)
    {
        var found = await groups.FindAsync(group, ct);
        return EntityTags.Answer(context, Groups.ETag(found), found);
    }

    static async Task<NoContent> DeleteGroup(string group, Expectation expected, Actor actor, Groups groups, CancellationToken ct)
    {
        await groups.DeleteAsync(actor, group, expected, ct);
        return TypedResults.NoContent();
    }

    static async Task<Ok<Group>> AddMember(HttpContext context, string group, GroupMemberRequest body, Expectation expected, Actor actor, Groups groups, CancellationToken ct)
    {
        var after = await groups.AddMemberAsync(actor, group, body.Member, expected, ct);
        context.Response.Headers.ETag = Groups.ETag(after);
        return TypedResults.Ok(after);
    }

    static async Task<NoContent> RemoveMember(string group, string member, Expectation expected, Actor actor, Groups groups, CancellationToken ct)
    {
        await groups.RemoveMemberAsync(actor, group, member, expected, ct);
        return TypedResults.NoContent();
    }

    static async Task<Ok<Page<TokenInfo>>> ListTokens(
        PersonalTokens tokens, Accounts accounts, HttpContext context, CancellationToken ct, string? user = null, int? limit = null, string? cursor = null)
    {
        var count = Paging.Limit(limit, UsualPage, MaxPage);
        var of = user is null ? (Protocol.UserId?)null : (await accounts.FindAsync(user, ct)).Id;
        var query = $"admin tokens {of}";
        var rows = await tokens.ListAsync(of, SessionEndpoints.Before(cursor, query), count + 1, ct);
        return TypedResults.Ok(Paging.Page(context, query, rows, count, row => row, row => [row.Id]));
    }

    static async Task<NoContent> RevokeToken(Guid id, Caller caller, PersonalTokens tokens, CancellationToken ct)
    {
        await tokens.RevokeAsync(caller, id, ct, anybodys: true);
        return TypedResults.NoContent();
    }

    static async Task<Ok<Page<Session>>> ListSessions(
        Sessions sessions, Accounts accounts, HttpContext context, CancellationToken ct, string? user = null, int? limit = null, string? cursor = null)
    {
        var count = Paging.Limit(limit, UsualPage, MaxPage);
        var of = user is null ? (Protocol.UserId?)null : (await accounts.FindAsync(user, ct)).Id;
        var query = $"admin sessions {of}";
        var rows = await sessions.ListAsync(of, SessionEndpoints.Before(cursor, query), count + 1, ct);
        return TypedResults.Ok(Paging.Page(context, query, rows, count, SessionEndpoints.ToSession, row => [row.Id.ToString()]));
    }

    static async Task<NoContent> EndSession(Guid id, Caller caller, Sessions sessions, HttpContext context, CancellationToken ct) =>
        await sessions.EndAsync(caller, id, context, ct, anybodys: true) ? TypedResults.NoContent() : throw Refusal.NotFound("session");
}
