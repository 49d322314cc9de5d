using System.Text;
using FileServer.Http;

namespace FileServer.Files;

/// <summary>Names of nodes as they come in: made canonical, or refused.</summary>
static class NodeName
{
    /// <summary>The key by which names of siblings must differ.</summary>
    public static string KeyOf(string name) => Normalize(name).ToLowerInvariant();

    public static string Normalize(string name) =>
        name.Length is 0 or > 255 ? throw Refusal.InvalidName("A name has 1 to 255 bytes.") : name.Normalize(NormalizationForm.FormC);
}
