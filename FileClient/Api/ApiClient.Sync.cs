using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Api;

/// <content>Changesets, the change feed, chunks, and many contents in one stream.</content>
sealed partial class ApiClient
{
    /// <summary>Commits all operations or none. Safe to repeat: the changeset's id is committed once.</summary>
    /// <exception cref="ApiException">With code <c>conflict</c> it carries every <see cref="ApiException.Conflicts"/>.</exception>
    public Task<ChangesetResult> CommitAsync(string space, Changeset changeset, CancellationToken ct) => JsonAsync(
        new ApiRequest(HttpMethod.Post, $"{Of(space)}/changesets") { Body = Json(changeset, WireJson.Default.Changeset), Repeatable = true },
        WireJson.Default.ChangesetResult,
        ct);

    /// <summary>One page of what changed after a cursor; null: everything from the first revision on.</summary>
    public Task<ChangePage> ChangesAsync(string space, string? since, int limit, CancellationToken ct) =>
        JsonAsync(Get($"{Of(space)}/changes?since={Escape(since ?? "0")}&limit={limit}"), WireJson.Default.ChangePage, ct);

    /// <summary>Says at once at which revision the space is, then each time that it moves. Ends when the connection does: connect again.</summary>
    public async IAsyncEnumerable<RevisionEvent> EventsAsync(string space, [EnumeratorCancellation] CancellationToken ct)
    {
        using var response = await SendAsync(Get($"{Of(space)}/events") with { Headers = [("Accept", "text/event-stream")] }, ct);
        await using var body = await response.BodyAsync();
        var events = SseParser.Create(body, static (type, data) => type == "revision" || type == SseParser.EventTypeDefault ? data.ToArray() : []);
        await foreach (var item in events.EnumerateAsync(ct))
        {
            if (item.Data.Length > 0)
                yield return JsonSerializer.Deserialize(item.Data, WireJson.Default.RevisionEvent) ?? throw ApiException.Protocol("An empty event.");
        }
    }

    /// <summary>Those of the chunks whose bytes the server needs from this caller before a changeset may name them.</summary>
    public async Task<IReadOnlyList<Digest>> MissingChunksAsync(string space, IReadOnlyList<Digest> chunks, CancellationToken ct)
    {
        var request = new ApiRequest(HttpMethod.Post, $"{Of(space)}/chunks/missing")
        {
            Body = Json(new MissingChunksRequest(chunks), WireJson.Default.MissingChunksRequest),
            Repeatable = true,
        };
        return (await JsonAsync(request, WireJson.Default.MissingChunks, ct)).Missing;
    }

    public Task<ChunkList> ChunksAsync(string space, NodeId file, int version, CancellationToken ct) =>
        JsonAsync(Get($"{Of(space, file)}/versions/{version}/chunks"), WireJson.Default.ChunkList, ct);

    /// <summary>Many versions in one answer, in the order asked for. Dispose the reader to free the connection.</summary>
    public async Task<ContentsReader> ContentsAsync(string space, IReadOnlyList<ContentsItem> items, CancellationToken ct)
    {
        var request = new ApiRequest(HttpMethod.Post, $"{Of(space)}/contents")
        {
            Body = Json(new ContentsRequest(items), WireJson.Default.ContentsRequest),
            Headers = [("Accept", "*/*")],
            Repeatable = true,
        };
        var response = await SendAsync(request, ct);
        return new ContentsReader(response, await response.BodyAsync());
    }
}
