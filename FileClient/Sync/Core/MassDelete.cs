using System.Security.Cryptography;

namespace FileClient.Sync.Core;

/// <summary>The brake on deletions that look like an accident: a folder emptied, a server rolled back, a disk not mounted.</summary>
static class MassDelete
{
    /// <summary>Counts after move detection, each direction for itself.</summary>
    public static (bool HoldLocal, bool HoldRemote, IReadOnlyList<Brake> Brakes) Check(Merge merge, TreeState synced, TreeState local, BrakeLimits limits)
    {
        var here = merge.Items.Where(static item => item is { Alive: false, Held: false, L: not null, S: not null }).ToList();
        var there = merge.Items.Where(static item => item is { Alive: false, Held: false, L: null, R: not null, S: not null }).ToList();
        List<Brake> brakes = [];
        var holdLocal = Trips("mass-delete-local", here, emptied: false);
        var holdRemote = Trips("mass-delete-remote", there, emptied: limits.StopAtEmptyRoot && local.Count == 0 && TopLevel(synced) > 1);
        return (holdLocal, holdRemote, brakes);

        bool Trips(string rail, List<Item> deletes, bool emptied)
        {
            var nodes = synced.Count;
            if (deletes.Count == 0 || !(emptied || deletes.Count > limits.MaxDeletes || (nodes >= limits.ShareFrom && deletes.Count > nodes * limits.MaxShare)))
                return false;
            var hash = HashOf(rail, deletes);
            if (hash == limits.Confirmed)
                return false;
            brakes.Add(new Brake(emptied ? "root-emptied" : rail, deletes.Count, nodes, hash));
            return true;
        }
    }

    static int TopLevel(TreeState tree) => tree.Nodes.Values.Count(entry => entry.Parent == tree.Root);

    /// <summary>Names exactly these deletions, so that a confirmation does not cover others.</summary>
    static string HashOf(string rail, List<Item> deletes)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(System.Text.Encoding.UTF8.GetBytes(rail));
        Span<byte> id = stackalloc byte[16];
        foreach (var item in deletes.OrderBy(static item => item.Id.Value))
        {
            item.Id.Value.TryWriteBytes(id, bigEndian: true, out _);
            hash.AppendData(id);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..16];
    }
}
