using System.Security.Cryptography;

namespace FileClient.Local;

/// <summary>A lock that processes of this machine respect, held as long as it is not disposed. It ends with its process.</summary>
sealed class FileLock : IDisposable
{
    readonly FileStream file;

    FileLock(FileStream file) => this.file = file;

    /// <summary>Waits until the lock is free; null when it is not within the time.</summary>
    public static async Task<FileLock?> TakeAsync(string path, TimeSpan patience, TimeProvider clock, CancellationToken ct)
    {
        AtomicFile.CreatePrivateFolder(Path.GetDirectoryName(path)!);
        var start = clock.GetTimestamp();
        while (true)
        {
            try
            {
                return new FileLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, System.IO.FileShare.None, 1));
            }
            catch (IOException) when (File.Exists(path))
            {
                // Held by another process. There is no way to be woken up, so look again after a short random while.
                if (clock.GetElapsedTime(start) > patience)
                    return null;
                await Task.Delay(TimeSpan.FromMilliseconds(RandomNumberGenerator.GetInt32(10, 60)), clock, ct);
            }
        }
    }

    public void Dispose() => file.Dispose();
}
