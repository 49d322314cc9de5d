using FileServer.Audit;
using FileServer.Http;

namespace FileServer.Identity;

/// <summary>
/// Stands before every endpoint: unless its route says that it answers anybody, nothing of it runs before the caller is
/// known and of a role that the route is for. A route that says nothing is closed.
/// </summary>
sealed class Gate(RequestDelegate next, Callers callers, AuditWriter audit)
{
    // Auditors read the audit log and nothing else: what is for them too says so.
    static readonly RoleRule Usual = new(["member", "admin"], NarrowedTokensToo: true);

    public async Task InvokeAsync(HttpContext context)
    {
        // What routing puts in place of an endpoint, to say that the method or the content type does not fit, is no route and reveals none of our data.
        if (context.GetEndpoint() is RouteEndpoint endpoint)
        {
            // What the server says to one caller is nobody else's; who serves cacheable bytes says so.
            context.Response.Headers.CacheControl = "no-store";
            if (endpoint.Metadata.GetMetadata<RouteRule>() is not { Anonymous: true })
                await AdmitAsync(context, endpoint.Metadata.GetMetadata<RoleRule>() ?? Usual);
        }
        await next(context);
    }

    async Task AdmitAsync(HttpContext context, RoleRule rule)
    {
        var caller = await callers.FindAsync(context, context.RequestAborted);
        context.Features.Set(caller);
        context.Features.Set(caller.Actor);
        if (!rule.Roles.Contains(caller.Role.Word()))
            await RefuseAsync(context, caller, $"This needs the role {string.Join(" or ", rule.Roles)}; yours is {caller.Role.Word()}.");
        // A narrowed token is for documents: it must not reach what its owner manages.
        if (caller.Scope is not null && !rule.NarrowedTokensToo)
            await RefuseAsync(context, caller, "This token is narrowed to a space, a folder or some rights, and accounts lie outside of that.");
    }

    async Task RefuseAsync(HttpContext context, Caller caller, string why)
    {
        await audit.RecordAsync(
            new AuditRecord(caller.Actor, "route.refuse", AuditOutcome.Refused, Subject: $"{context.Request.Method} {context.Request.Path}"),
            context.RequestAborted);
        throw Refusal.Forbidden(why);
    }
}
