using System.IO.Pipelines;

namespace FileServer.Storage;

/// <summary>Moves bytes from a request body to where they are stored.</summary>
static class PipePump
{
    /// <summary>Feeds the reader's bytes to the sink until it ends or so many were taken. The reader keeps what was not taken.</summary>
    /// <returns>The number of bytes taken.</returns>
    public static async Task<long> PumpAsync(
        this PipeReader reader, Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> sink, long atMost, CancellationToken ct)
    {
        long taken = 0;
        while (taken < atMost)
        {
            var result = await reader.ReadAsync(ct);
            var bytes = result.Buffer.Slice(0, Math.Min(result.Buffer.Length, atMost - taken));
            var consumed = bytes.Start;
            try
            {
                foreach (var segment in bytes)
                {
                    await sink(segment, ct);
                    taken += segment.Length;
                    consumed = bytes.GetPosition(segment.Length, consumed);
                }
            }
            finally
            {
                reader.AdvanceTo(consumed);
            }
            if (result.IsCanceled || (result.IsCompleted && bytes.Length == result.Buffer.Length))
                break;
        }
        return taken;
    }
}
