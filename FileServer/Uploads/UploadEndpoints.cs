using FileServer.Http;
using FileServer.Identity;

namespace FileServer.Uploads;

/// <summary>The addresses of resumable uploads (tus 1.0.0).</summary>
static class UploadEndpoints
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        var uploads = routes.MapGroup(TusProtocol.Path).WithTags("Uploads").ExcludeFromDescription();
        uploads.MapPost("", CreateAsync).Requires("create in the folder, or write on the file, that the metadata name; for packs either of them anywhere in the space");
        uploads.MapPatch("/{id}", AppendAsync).Requires("an upload of one's own; with the last byte what its creation required, again");
        uploads.MapMethods("/{id}", ["HEAD"], DescribeAsync).Requires("an upload of one's own");
        uploads.MapDelete("/{id}", EndAsync).Requires("an upload of one's own");
    }

    static Task CreateAsync(HttpContext context, Caller caller, CreateUpload create, CancellationToken ct) => create.RunAsync(context, caller, ct);

    static Task AppendAsync(HttpContext context, string id, Caller caller, AppendUpload append, CancellationToken ct) => append.RunAsync(context, caller, id, ct);

    /// <summary>The offset that is told here must be the one at which the next bytes are taken: so a request that is adding some is asked to let go first.</summary>
    static async Task DescribeAsync(HttpContext context, string id, Caller caller, UploadLookup lookup, LiveUploads live, CancellationToken ct)
    {
        var found = await lookup.OwnAsync(caller, id, ct);
        await using var turn = await live.TakeAsync(found.Id, ct);
        var row = await lookup.OwnAsync(caller, id, ct);
        UploadAnswer.Describe(context, row, await lookup.LocationAsync(caller, row, ct));
        if (TusProtocol.IsOverridden(context))
            context.Response.StatusCode = StatusCodes.Status204NoContent;
        else
            context.Response.ContentLength = 0;
    }

    /// <summary>Ends an upload. What it has become stays.</summary>
    static async Task EndAsync(HttpContext context, string id, Caller caller, UploadLookup lookup, LiveUploads live, UploadTable table, UploadSinks sinks, CancellationToken ct)
    {
        var found = await lookup.OwnAsync(caller, id, ct);
        await using var turn = await live.TakeAsync(found.Id, ct);
        var row = await lookup.OwnAsync(caller, id, ct);
        await turn.CloseAsync();
        await table.EndAsync(row.Id, ct);
        sinks.Drop(row.PackId);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }
}
