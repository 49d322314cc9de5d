using System.Text;
using FileServer.Http;
using FileServer.Protocol;

namespace FileServer.Files;

/// <summary>Names of nodes as they come in: made canonical, or refused.</summary>
static class NodeName
{
    /// <exception cref="Refusal">No node may have this name.</exception>
    public static string Normalize(string name) =>
        NameRules.TryNormalize(name, out var normal, out var reason) ? normal : throw Refusal.InvalidName(reason);

    /// <summary>The key by which siblings must differ.</summary>
    /// <exception cref="Refusal">No node may have this name.</exception>
    public static string KeyOf(string name) => NameRules.FoldKey(Normalize(name));

    /// <summary>The stem, shortened by whole characters where the name would be longer than a name may be, and the ending.</summary>
    public static string Fit(string stem, string ending)
    {
        while (stem.Length > 0 && Encoding.UTF8.GetByteCount(stem) + Encoding.UTF8.GetByteCount(ending) > NameRules.MaxBytes)
            stem = stem[..^(char.IsLowSurrogate(stem[^1]) && stem.Length > 1 ? 2 : 1)];
        return stem + ending;
    }
}
