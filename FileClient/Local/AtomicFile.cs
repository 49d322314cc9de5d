using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using FileClient.Terminal;

namespace FileClient.Local;

/// <summary>Small files that are read and replaced as a whole: a reader sees the old one or the new one, never half of either.</summary>
static class AtomicFile
{
    const long Largest = 4 * 1024 * 1024;

    /// <summary>Replaces the file; only its owner may read it.</summary>
    public static void Write<T>(string path, T value, JsonTypeInfo<T> type)
    {
        var folder = Path.GetDirectoryName(path)!;
        CreatePrivateFolder(folder);
        var temporary = Path.Combine(folder, $".{Path.GetFileName(path)}.{Guid.CreateVersion7():N}");
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using (var stream = new FileStream(temporary, options))
            {
                JsonSerializer.Serialize(stream, value, type);
                stream.Flush();
                NativeCalls.Sync(stream.SafeFileHandle);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>Reads the file; null when there is none.</summary>
    public static T? Read<T>(string path, JsonTypeInfo<T> type) where T : class
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, System.IO.FileShare.ReadWrite | System.IO.FileShare.Delete);
            if (stream.Length > Largest)
                throw new Failure(ExitCode.Failure, $"{path} is too large to be one of our files.");
            return JsonSerializer.Deserialize(stream, type);
        }
        catch (Exception absent) when (absent is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (JsonException broken)
        {
            throw new Failure(ExitCode.Failure, $"{path} cannot be read: {broken.Message}") { Hint = "Correct the file, or remove it and sign in again." };
        }
    }

    public static void CreatePrivateFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(folder);
        else
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
