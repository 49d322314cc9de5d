using System.Text.Json.Nodes;

namespace FileServer.Identity;

/// <summary>The detail of an audit row: a JSON object of a few words. Never a secret, nor anything derived from one.</summary>
static class Detail
{
    public static string? Of(params ReadOnlySpan<(string Name, string? Value)> members)
    {
        var json = new JsonObject();
        foreach (var (name, value) in members)
        {
            if (value is not null)
                json[name] = value;
        }
        return json.Count == 0 ? null : json.ToJsonString();
    }
}
