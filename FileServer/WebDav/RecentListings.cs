using System.Collections.Concurrent;
using FileServer.Protocol;
using Microsoft.Extensions.Options;

namespace FileServer.WebDav;

/// <summary>The members of a folder as one revision of its space had them, seen or not, and the scope that decides about each.</summary>
/// <param name="Scopes">Null where it is the folder's.</param>
sealed record Members(long Revision, IReadOnlyList<DavEntry> Entries, IReadOnlyList<Guid?> Scopes);

/// <summary>
/// Folders that drives have listed a moment ago: they list the same ones all day. Whatever changes members changes the space's revision too, which each
/// request reads anew, so what is remembered here is either what the database would say or not used. Rights are never remembered.
/// </summary>
sealed class RecentListings(IOptions<WebDavOptions> options)
{
    ConcurrentDictionary<NodeId, Members> remembered = new();
    int entries;

    /// <param name="revision">Of the space, read before the members are.</param>
    public Members? Find(NodeId folder, long revision) => remembered.TryGetValue(folder, out var members) && members.Revision == revision ? members : null;

    public void Remember(NodeId folder, Members members)
    {
        var most = options.Value.RememberedEntries;
        if (members.Entries.Count + 1 > most)
            return;
        // All at once, instead of knowing which was used when: what is needed comes back by the next listing.
        if (Interlocked.Add(ref entries, members.Entries.Count + 1) > most)
        {
            remembered = new();
            entries = members.Entries.Count + 1;
        }
        remembered[folder] = members;
    }
}
