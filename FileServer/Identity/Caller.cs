using System.Net;
using FileServer.Audit;
using FileServer.Http;
using FileServer.Protocol;

namespace FileServer.Identity;

/// <summary>What a personal token is narrowed to; rights are the flags of a grant's rights, null where nothing is narrowed.</summary>
sealed record TokenScope(SpaceId? Space, NodeId? Node, int? Rights);

/// <summary>
/// The signed-in account behind a request. An endpoint that takes a caller is never run for anybody else.
/// </summary>
/// <param name="SessionId">The session or personal token that the request came with.</param>
/// <param name="Principals">The account's id and the ids of all groups that hold it, directly or through other groups.</param>
/// <param name="Scope">Set for a personal token that may do less than its owner.</param>
sealed record Caller(
    UserId UserId,
    string Name,
    AccountRole Role,
    AuthKind Auth,
    Guid? SessionId,
    IReadOnlyList<Guid> Principals,
    TokenScope? Scope,
    IPAddress? Ip,
    string RequestId)
{
    /// <summary>The caller as the audit log writes it.</summary>
    public Actor Actor { get; } = new(UserId, Name, Auth, SessionId, Ip, RequestId);

    /// <summary>The caller of this request.</summary>
    /// <exception cref="Refusal">Nobody is signed in.</exception>
    public static Caller Of(HttpContext context) => context.Features.Get<Caller>() ?? throw Refusal.NotSignedIn();

    /// <summary>Binds an endpoint's parameter.</summary>
    public static ValueTask<Caller?> BindAsync(HttpContext context) => new(Of(context));
}
