using FileServer.Http;
using FileServer.Identity;

namespace FileServer.WebDav;

/// <summary>A request at this door: who asks, and for what address.</summary>
sealed record DavCall(HttpContext Context, Caller Caller, DavPath Path)
{
    public HttpRequest Request => Context.Request;

    public HttpResponse Response => Context.Response;

    /// <summary>The address must be of a space, or of something in it.</summary>
    /// <exception cref="Refusal">It is that of the list of spaces, which nothing is put into here.</exception>
    public DavCall InSpace() => Path.IsSpaceList ? throw Refusal.Forbidden("Spaces are made and removed elsewhere: this list shows them.") : this;

    /// <summary>As <see cref="InSpace"/>, and below the space's root.</summary>
    public DavCall BelowRoot() => InSpace().Path.IsRoot ? throw Refusal.Forbidden("The space's root stays as it is.") : this;

    /// <summary>What is answered to a change that made something, or replaced what was there.</summary>
    public void Answer(bool made) => Response.StatusCode = made ? StatusCodes.Status201Created : StatusCodes.Status204NoContent;
}
