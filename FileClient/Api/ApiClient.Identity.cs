using FileServer.Protocol.Contracts;

namespace FileClient.Api;

/// <content>Signing in, accounts, groups and tokens.</content>
sealed partial class ApiClient
{
    public Task<SessionTokens> LoginAsync(LoginRequest login, CancellationToken ct) => JsonAsync(
        new ApiRequest(HttpMethod.Post, "auth/login") { Body = Json(login, WireJson.Default.LoginRequest), Anonymous = true },
        WireJson.Default.SessionTokens,
        ct);

    /// <summary>Ends the session that the refresh token belongs to.</summary>
    public Task LogoutAsync(string refreshToken, CancellationToken ct) => DoneAsync(
        new ApiRequest(HttpMethod.Post, "auth/logout") { Body = Json(new RefreshRequest(refreshToken), WireJson.Default.RefreshRequest), Repeatable = true },
        ct);

    // Not repeatable on a broken connection: the server may have rotated the token and seen from it that this one was used up.
    Task<SessionTokens> RefreshAsync(string refreshToken, CancellationToken ct) => JsonAsync(
        new ApiRequest(HttpMethod.Post, "auth/refresh") { Body = Json(new RefreshRequest(refreshToken), WireJson.Default.RefreshRequest), Anonymous = true },
        WireJson.Default.SessionTokens,
        ct);

    public Task<Me> MeAsync(CancellationToken ct) => JsonAsync(Get("me"), WireJson.Default.Me, ct);

    public IAsyncEnumerable<TokenInfo> TokensAsync(CancellationToken ct) => PagesAsync("tokens", WireJson.Default.PageTokenInfo, ct);

    public Task<CreatedToken> CreateTokenAsync(TokenRequest token, CancellationToken ct) =>
        JsonAsync(Post("tokens", Json(token, WireJson.Default.TokenRequest)), WireJson.Default.CreatedToken, ct);

    public Task DeleteTokenAsync(string id, CancellationToken ct) => DoneAsync(Delete($"tokens/{Escape(id)}"), ct);

    public IAsyncEnumerable<User> UsersAsync(CancellationToken ct) => PagesAsync("admin/users", WireJson.Default.PageUser, ct);

    public Task<User> CreateUserAsync(UserRequest user, CancellationToken ct) =>
        JsonAsync(Post("admin/users", Json(user, WireJson.Default.UserRequest)), WireJson.Default.User, ct);

    public Task<User> PatchUserAsync(string user, UserPatch patch, CancellationToken ct) =>
        JsonAsync(Patch($"admin/users/{Escape(user)}", Json(patch, WireJson.Default.UserPatch)), WireJson.Default.User, ct);

    /// <summary>Users are never deleted, since history names them: a disabled one cannot sign in any more.</summary>
    public Task DisableUserAsync(string user, CancellationToken ct) => DoneAsync(Delete($"admin/users/{Escape(user)}"), ct);

    public Task DeleteGroupAsync(string group, CancellationToken ct) => DoneAsync(Delete($"admin/groups/{Escape(group)}"), ct);

    /// <param name="member"><c>user:NAME</c> or <c>group:NAME</c>.</param>
    public Task<Group> AddMemberAsync(string group, string member, CancellationToken ct) =>
        JsonAsync(Post($"admin/groups/{Escape(group)}/members", Json(new GroupMemberRequest(member), WireJson.Default.GroupMemberRequest)), WireJson.Default.Group, ct);

    public Task RemoveMemberAsync(string group, string member, CancellationToken ct) =>
        DoneAsync(Delete($"admin/groups/{Escape(group)}/members/{Escape(member)}"), ct);

    public IAsyncEnumerable<Session> SessionsAsync(string? user, CancellationToken ct) =>
        PagesAsync("admin/sessions" + (user is null ? "" : $"?user={Escape(user)}"), WireJson.Default.PageSession, ct);

    public Task EndSessionAsync(string id, CancellationToken ct) => DoneAsync(Delete($"admin/sessions/{Escape(id)}"), ct);

    public IAsyncEnumerable<Group> GroupsAsync(CancellationToken ct) => PagesAsync("admin/groups", WireJson.Default.PageGroup, ct);

    public Task<Group> CreateGroupAsync(GroupRequest group, CancellationToken ct) =>
        JsonAsync(Post("admin/groups", Json(group, WireJson.Default.GroupRequest)), WireJson.Default.Group, ct);

    static ApiRequest Get(string target) => new(HttpMethod.Get, target) { Repeatable = true };

    static ApiRequest Delete(string target) => new(HttpMethod.Delete, target) { Repeatable = true };

    static ApiRequest Put(string target, Func<Watchdog, HttpContent> body) => new(HttpMethod.Put, target) { Body = body, Repeatable = true };

    static ApiRequest Patch(string target, Func<Watchdog, HttpContent> body) => new(HttpMethod.Patch, target) { Body = body, Repeatable = true };

    /// <summary>A request that makes something new: the key lets the server recognise it if it arrives twice.</summary>
    static ApiRequest Post(string target, Func<Watchdog, HttpContent> body) => new(HttpMethod.Post, target)
    {
        Body = body,
        Headers = [("Idempotency-Key", $"\"{Guid.CreateVersion7()}\"")],
    };
}
