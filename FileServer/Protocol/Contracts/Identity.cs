namespace FileServer.Protocol.Contracts;

/// <summary>Body of <c>POST /auth/login</c>.</summary>
/// <param name="Device">Name of the signing-in device, shown in the list of sessions.</param>
public sealed record LoginRequest(string User, string Password, string? Device = null);

/// <summary>Body of <c>POST /auth/refresh</c> and <c>/auth/logout</c>.</summary>
public sealed record RefreshRequest(string RefreshToken);

/// <summary>A new session, or its next pair of tokens.</summary>
/// <param name="ExpiresIn">Seconds until the access token expires.</param>
public sealed record SessionTokens(string AccessToken, int ExpiresIn, string RefreshToken);

/// <summary>Body of <c>POST /me/password</c>.</summary>
public sealed record PasswordChange(string Current, string New);

/// <summary>Who the caller is.</summary>
public sealed record Me(UserId Id, string Name, string? DisplayName, string Role, IReadOnlyList<string> Groups);

/// <summary>A personal access token as its owner sees it, or an administrator, who is told whose it is.</summary>
public sealed record TokenInfo(
    string Id,
    string Name,
    string Prefix,
    DateTimeOffset CreatedAt,
    DateTimeOffset? ExpiresAt,
    DateTimeOffset? LastUsedAt,
    string? Space,
    string? Path,
    IReadOnlyList<string>? Rights,
    string? User = null);

/// <summary>Body of <c>POST /tokens</c>.</summary>
public sealed record TokenRequest(string Name, DateTimeOffset? ExpiresAt = null, string? Space = null, string? Path = null, IReadOnlyList<string>? Rights = null);

/// <summary>A personal access token just made; <paramref name="Token"/> is shown this once.</summary>
public sealed record CreatedToken(string Id, string Token);

/// <summary>An account as administrators see it.</summary>
public sealed record User(UserId Id, string Name, string? DisplayName, string Role, bool Disabled, DateTimeOffset CreatedAt, DateTimeOffset? LastSeenAt);

/// <summary>Body of <c>POST /admin/users</c>; role is member, admin or auditor.</summary>
public sealed record UserRequest(string Name, string Password, string? DisplayName = null, string? Role = null);

/// <summary>Body of <c>PATCH /admin/users/{user}</c>.</summary>
public sealed record UserPatch(string? DisplayName = null, string? Role = null, bool? Disabled = null, string? Password = null);

/// <summary>A group of users and groups.</summary>
public sealed record Group(string Id, string Name, IReadOnlyList<string> Members);

/// <summary>Body of <c>POST /admin/groups</c>.</summary>
public sealed record GroupRequest(string Name, IReadOnlyList<string>? Members = null);

/// <summary>Body of <c>POST /admin/groups/{group}/members</c>; member is <c>user:NAME</c> or <c>group:NAME</c>.</summary>
public sealed record GroupMemberRequest(string Member);

/// <summary>A signed-in device.</summary>
public sealed record Session(string Id, string User, string? Device, DateTimeOffset CreatedAt, DateTimeOffset LastUsedAt, DateTimeOffset ExpiresAt);

/// <summary>One row of the audit log.</summary>
/// <param name="Action">What was done, as <c>noun.verb</c>: <c>file.put</c>, <c>file.read</c>, <c>auth.login</c>, …</param>
/// <param name="Outcome">done, refused or failed.</param>
/// <param name="Detail">What else belongs to the event, a JSON object.</param>
public sealed record AuditEvent(
    long Id,
    DateTimeOffset At,
    string? ActorId,
    string Actor,
    string AuthKind,
    string? SessionId,
    string? ClientIp,
    string Action,
    string Outcome,
    SpaceId? SpaceId,
    NodeId? NodeId,
    string? Subject,
    string? RequestId,
    System.Text.Json.JsonElement? Detail);

/// <summary>A refusal as it travels (RFC 9457), with the members that let a program act.</summary>
public sealed record Problem
{
    public string? Type { get; init; }

    public string? Title { get; init; }

    public int Status { get; init; }

    public string? Detail { get; init; }

    /// <summary>Stable word for programs.</summary>
    public string? Code { get; init; }

    public string? RequestId { get; init; }

    /// <summary>Seconds after which trying again makes sense.</summary>
    public int? RetryAfter { get; init; }

    /// <summary>The limit that was hit, in the unit that <see cref="Detail"/> names.</summary>
    public long? Limit { get; init; }

    public IReadOnlyList<Conflict>? Conflicts { get; init; }

    /// <summary>The lock that stands in the way: who holds it, until when.</summary>
    public NodeLock? Lock { get; init; }

    public IReadOnlyList<string>? Errors { get; init; }
}
