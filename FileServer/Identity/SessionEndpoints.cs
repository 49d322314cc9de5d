using FileServer.Http;
using FileServer.Protocol.Contracts;
using Microsoft.AspNetCore.Http.HttpResults;

namespace FileServer.Identity;

/// <summary>Signing in and out, and what everybody manages about themselves: password, tokens, sessions.</summary>
static class SessionEndpoints
{
    const int UsualPage = 100;
    const int MaxPage = 1000;

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapPost("/auth/login", Login).WithSummary("Signs in with a password").AllowAnonymousBecause("the password in the body is the credential");
        api.MapPost("/auth/refresh", Refresh).WithSummary("The next tokens for a refresh token, which is used up by it").AllowAnonymousBecause("the refresh token in the body is the credential");
        api.MapPost("/auth/logout", Logout).WithSummary("Ends the session").AllowAnonymousBecause("the refresh token in the body, or the access token, is the credential");
        api.MapGet("/me", GetMe).WithSummary("The account that the token stands for").Requires("a signed-in account: one's own").ForEverySignedIn();
        var own = api.MapGroup("").OnlyFor("member", "admin", "auditor").Requires("a signed-in account: one's own, not by a narrowed token");
        own.MapPost("/me/password", ChangePassword).WithSummary("Another password; ends all sessions and starts one").Without(RouteException.IdempotencyKey, RouteException.MinimalAnswer);
        own.MapGet("/tokens", ListTokens).WithSummary("One's personal access tokens");
        own.MapPost("/tokens", CreateToken).WithSummary("A new personal access token, shown this once").Without(RouteException.MinimalAnswer);
        own.MapDelete("/tokens/{id:guid}", RevokeToken).WithSummary("Ends a personal access token");
        own.MapGet("/sessions", ListSessions).WithSummary("One's sessions");
        own.MapDelete("/sessions/{id:guid}", EndSession).WithSummary("Ends a session");
    }

    static async Task<Ok<SessionTokens>> Login(LoginRequest body, SignIn signIn, HttpContext context, CancellationToken ct) =>
        TypedResults.Ok(await signIn.LoginAsync(context, body, ct));

    static async Task<Ok<SessionTokens>> Refresh(RefreshRequest body, Sessions sessions, HttpContext context, CancellationToken ct) =>
        TypedResults.Ok(await sessions.RefreshAsync(context, body.RefreshToken, ct));

    static async Task<NoContent> Logout(Sessions sessions, Callers callers, HttpContext context, CancellationToken ct)
    {
        context.Response.Headers["Clear-Site-Data"] = "\"cache\", \"storage\"";
        if (context.Request.HasJsonContentType()
            && await context.Request.ReadFromJsonAsync(WireJson.Default.RefreshRequest, ct) is { RefreshToken: { } token })
        {
            await sessions.EndAsync(context, token, ct);
            return TypedResults.NoContent();
        }
        var caller = await callers.FindAsync(context, ct);
        if (caller is not { Auth: Audit.AuthKind.Session, SessionId: { } session })
            throw Refusal.Invalid("A personal access token is ended by DELETE /api/v1/tokens/{id}.");
        await sessions.EndAsync(caller, session, context, ct);
        return TypedResults.NoContent();
    }

    static async Task<Ok<Me>> GetMe(Caller caller, Accounts accounts, CancellationToken ct)
    {
        var user = await accounts.FindAsync(caller.UserId.ToString(), ct);
        return TypedResults.Ok(new Me(user.Id, user.Name, user.DisplayName, user.Role, await accounts.GroupNamesAsync(caller.Principals, ct)));
    }

    static async Task<Ok<SessionTokens>> ChangePassword(PasswordChange body, Caller caller, SignIn signIn, HttpContext context, CancellationToken ct) =>
        TypedResults.Ok(await signIn.ChangePasswordAsync(context, caller, body, ct));

    static async Task<Ok<Page<TokenInfo>>> ListTokens(Caller caller, PersonalTokens tokens, HttpContext context, CancellationToken ct, int? limit = null, string? cursor = null)
    {
        var count = Paging.Limit(limit, UsualPage, MaxPage);
        var rows = await tokens.ListAsync(caller.UserId, Before(cursor, "tokens"), count + 1, ct);
        return TypedResults.Ok(Paging.Page(context, "tokens", rows, count, row => row, row => [row.Id]));
    }

    static async Task<Created<CreatedToken>> CreateToken(HttpContext context, TokenRequest body, Caller caller, PersonalTokens tokens, CancellationToken ct)
    {
        var created = await tokens.CreateAsync(caller, body, ct);
        return TypedResults.Created($"{context.Request.PathBase}/api/v1/tokens/{created.Id}", created);
    }

    static async Task<NoContent> RevokeToken(Guid id, Caller caller, PersonalTokens tokens, CancellationToken ct)
    {
        await tokens.RevokeAsync(caller, id, ct);
        return TypedResults.NoContent();
    }

    static async Task<Ok<Page<Session>>> ListSessions(Caller caller, Sessions sessions, HttpContext context, CancellationToken ct, int? limit = null, string? cursor = null)
    {
        var count = Paging.Limit(limit, UsualPage, MaxPage);
        var rows = await sessions.ListAsync(caller.UserId, Before(cursor, "sessions"), count + 1, ct);
        return TypedResults.Ok(Paging.Page(context, "sessions", rows, count, ToSession, row => [row.Id.ToString()]));
    }

    static async Task<NoContent> EndSession(Guid id, Caller caller, Sessions sessions, HttpContext context, CancellationToken ct) =>
        await sessions.EndAsync(caller, id, context, ct) ? TypedResults.NoContent() : throw Refusal.NotFound("session");

    public static Session ToSession(SessionRow row) => new(row.Id.ToString(), row.Name, row.Device, row.CreatedAt, row.LastUsedAt, row.ExpiresAt);

    public static Guid? Before(string? cursor, string query) => Paging.Start(cursor, query, 1) switch
    {
        null => null,
        [var id] when Guid.TryParse(id, out var before) => before,
        _ => throw Paging.Invalid(),
    };
}
