using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using FileClient.Api;
using FileClient.Local;

namespace FileClient.Transfer;

/// <summary>An upload that was begun: which state of which file, to where, and the address to go on at.</summary>
sealed record BegunUpload(string Server, string Remote, string LocalPath, FileIdentity File, string Url);

/// <summary>
/// Remembers begun uploads between runs, one small file for each, so that a killed <c>put</c> goes on where it stopped. While a
/// memory is open, no other process takes up the same upload.
/// </summary>
sealed class UploadMemory : IDisposable
{
    readonly string file;
    readonly FileLock? held;

    UploadMemory(string file, FileLock? held)
    {
        this.file = file;
        this.held = held;
    }

    /// <summary>Opens the memory of one transfer. Held by another process: nothing is remembered this time.</summary>
    public static async Task<UploadMemory> OpenAsync(ConfigFolder folder, Uri server, RemotePath remote, string localPath, TimeProvider clock, CancellationToken ct)
    {
        var key = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{server}\n{remote}\n{localPath}")))[..32];
        var path = Path.Combine(folder.Path, "uploads", $"{key}.json");
        return new UploadMemory(path, await FileLock.TakeAsync(path + ".lock", TimeSpan.Zero, clock, ct));
    }

    /// <summary>The upload that was begun for this very state of the file.</summary>
    public BegunUpload? Find(Uri server, RemotePath remote, string localPath, FileIdentity identity)
    {
        if (held is null || AtomicFile.Read(file, TransferJson.Default.BegunUpload) is not { } begun)
            return null;
        return begun with { Url = "" } == new BegunUpload(server.AbsoluteUri, remote.ToString(), localPath, identity, "") ? begun : null;
    }

    public void Save(Uri server, RemotePath remote, string localPath, FileIdentity identity, string url)
    {
        if (held is not null)
            AtomicFile.Write(file, new BegunUpload(server.AbsoluteUri, remote.ToString(), localPath, identity, url), TransferJson.Default.BegunUpload);
    }

    public void Forget()
    {
        if (held is not null)
            File.Delete(file);
    }

    public void Dispose()
    {
        // The lock's file goes first: whoever opens it from now on makes a new one, and nothing is remembered that could clash.
        if (held is not null && !File.Exists(file))
            File.Delete(file + ".lock");
        held?.Dispose();
    }
}

/// <summary>JSON of what transfers remember.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(BegunUpload))]
sealed partial class TransferJson : JsonSerializerContext;
