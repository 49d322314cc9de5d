using FileClient.Api;
using FileClient.Local;
using FileClient.Terminal;
using FileServer.Protocol.Contracts;

namespace FileClient.Transfer;

/// <summary>
/// Fetches one version of a file. The bytes gather in a part file beside the target, whose name carries the content's id, so
/// that a killed <c>get</c> goes on where it stopped; it takes the target's place only when the whole is proven right.
/// </summary>
sealed class Download(ApiClient api, TimeProvider clock, ITransferWatch watch)
{
    const int BlockSize = 1024 * 1024;

    /// <param name="node">The file with the version, size and digests to fetch.</param>
    public async Task RunAsync(string space, Node node, string target, CancellationToken ct)
    {
        using var progress = watch.Begin(target, node.Size);
        var part = PartName(target, node);
        await using (var file = OpenPart(part))
        {
            using var check = await ContentCheck.ForAsync(api, space, node, ct);
            if (file.Length > node.Size)
                file.SetLength(0);
            await ReadExistingAsync(file, check, ct);
            progress.Moved(file.Length);
            await FetchRestAsync(space, node, file, check, progress, ct);
            if (check.WhatIsWrong() is { } wrong)
            {
                // Bytes that are wrong now will not become right: the next try starts anew.
                file.SetLength(0);
                throw Failure.Integrity($"{target} was not replaced: {wrong}");
            }
            await file.FlushAsync(ct);
            NativeCalls.Sync(file.SafeFileHandle);
        }
        Finish(part, target, node);
    }

    /// <summary>Gives a complete file its times and mode, then its name.</summary>
    public static void Finish(string part, string target, Node node)
    {
        File.SetLastWriteTimeUtc(part, node.ModifiedAt.UtcDateTime);
        if (node.Executable && !OperatingSystem.IsWindows())
            File.SetUnixFileMode(part, ExecutableLike(File.GetUnixFileMode(part)));
        try
        {
            File.Move(part, target, overwrite: true);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException && Directory.Exists(target))
        {
            throw new Failure(ExitCode.Failure, $"{target} is a folder here and a file on the server.");
        }
    }

    // Whoever may read may execute, as the process's mask allowed for reading.
    static UnixFileMode ExecutableLike(UnixFileMode mode) => mode | (UnixFileMode)(((int)mode & 0b100_100_100) >> 2);

    internal static string PartName(string target, Node node)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(target))!;
        return Path.Combine(folder, $".fileshare-{node.ContentId.ToString()![..16]}-{node.Id}.part");
    }

    static FileStream OpenPart(string part)
    {
        try
        {
            return new FileStream(part, FileMode.OpenOrCreate, FileAccess.ReadWrite, System.IO.FileShare.None, 0, FileOptions.Asynchronous);
        }
        catch (IOException busy) when (File.Exists(part))
        {
            throw new Failure(ExitCode.Locked, $"Another fileshare process is fetching this file ({part}).", busy);
        }
    }

    static async Task ReadExistingAsync(FileStream file, ContentCheck check, CancellationToken ct)
    {
        file.Position = 0;
        var buffer = new byte[BlockSize];
        for (int read; (read = await file.ReadAsync(buffer, ct)) > 0;)
            check.Append(buffer.AsSpan(0, read));
    }

    async Task FetchRestAsync(string space, Node node, FileStream file, ContentCheck check, IFileWatch progress, CancellationToken ct) =>
        await new Fetch(api, clock).RunAsync(space, node, file.Position, block =>
        {
            file.Write(block.Span);
            check.Append(block.Span);
        }, progress, ct);
}
