using System.Buffers;
using FileServer.Protocol;
using FileServer.Protocol.Packs;
using Microsoft.Win32.SafeHandles;

namespace FileServer.Storage;

/// <summary>Re-reads chunks and compares their bytes with their names.</summary>
static class PackCheck
{
    /// <summary>Whether the bytes at this place are those of the chunk.</summary>
    public static bool HasBytes(SafeFileHandle file, Digest hash, long offset, int length)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            var bytes = buffer.AsSpan(0, length);
            PackFiles.ReadExactly(file, offset, bytes);
            return Digest.Of(bytes) == hash;
        }
        catch (PackDamagedException)
        {
            return false;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
