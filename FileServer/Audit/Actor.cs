using System.Net;
using FileServer.Protocol;

namespace FileServer.Audit;

/// <summary>How an actor proved who they are.</summary>
enum AuthKind : short
{
    /// <summary>Nobody signed in.</summary>
    None = 0,
    Session = 1,
    PersonalToken = 2,
    ShareLink = 3,

    /// <summary>The server itself: timers, start-up, the command line on the server.</summary>
    System = 4,
}

/// <summary>
/// Who did something: taken from the verified credentials of the request and from nothing else, so that nobody can act in another's name.
/// </summary>
/// <param name="Name">The account's name at that time.</param>
/// <param name="SessionId">The session, or the personal token, that the request came with.</param>
/// <param name="RequestId">Joins the rows of one request, and them to the log.</param>
sealed record Actor(UserId? Id, string Name, AuthKind Kind, Guid? SessionId, IPAddress? Ip, string? RequestId)
{
    /// <summary>The server itself, by the name of the part that acts.</summary>
    public static Actor System(string part) => new(null, part, AuthKind.System, null, null, null);

    /// <summary>Somebody who has not signed in; <paramref name="claimedName"/> is what they say they are.</summary>
    public static Actor Anonymous(HttpContext context, string claimedName = "") =>
        new(null, claimedName, AuthKind.None, null, context.Connection.RemoteIpAddress, context.TraceIdentifier);

    /// <summary>Binds an endpoint's parameter: the signed-in actor, as the gate found it.</summary>
    public static ValueTask<Actor?> BindAsync(HttpContext context) => new(context.Features.Get<Actor>() ?? Anonymous(context));
}
