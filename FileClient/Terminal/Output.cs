using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace FileClient.Terminal;

/// <summary>Data to standard output, everything else to standard error. With <c>--json</c> data is JSON, with <c>--quiet</c> nothing else is said.</summary>
sealed class Output(Shell shell, bool json, bool quiet) : IDisposable
{
    static readonly byte[] NewLine = "\n"u8.ToArray();

    Stream? data;

    public bool Json => json;

    public bool Quiet => quiet;

    /// <summary>Whether progress may be shown: only people on a terminal want it.</summary>
    public bool ShowsProgress => shell.ErrorIsTerminal && !quiet && !json;

    /// <summary>Standard output as bytes, buffered until the end of the run.</summary>
    public Stream Data => data ??= new BufferedStream(shell.OpenOutput(), 64 * 1024);

    /// <summary>One line of data.</summary>
    public void Line(string text)
    {
        Data.Write(Encoding.UTF8.GetBytes(text));
        Data.Write(NewLine);
    }

    /// <summary>One JSON value as data.</summary>
    public void Value<T>(T value, JsonTypeInfo<T> type)
    {
        JsonSerializer.Serialize(Data, value, type);
        Data.Write(NewLine);
    }

    /// <summary>A list as data, item by item as they come: one JSON array, or lines.</summary>
    public async Task ListAsync<T>(IAsyncEnumerable<T> items, JsonTypeInfo<T> type, Func<T, string> line, CancellationToken ct)
    {
        var first = true;
        if (json)
            Data.Write("["u8);
        await foreach (var item in items.WithCancellation(ct))
        {
            if (!json)
            {
                Line(line(item));
                continue;
            }
            if (!first)
                Data.Write(","u8);
            first = false;
            Data.Write(NewLine);
            JsonSerializer.Serialize(Data, item, type);
        }
        if (json)
            Data.Write("\n]\n"u8);
    }

    /// <summary>A remark for people.</summary>
    public void Note(string text)
    {
        if (!quiet)
            shell.Error.WriteLine(text);
    }

    /// <summary>Something that people must hear of even when the run goes on.</summary>
    public void Warn(string text) => shell.Error.WriteLine($"fileshare: {text}");

    /// <summary>Why the run ends.</summary>
    public void Fail(Failure failure, string? code)
    {
        if (json)
        {
            using var buffer = new MemoryStream();
            using (var writer = new Utf8JsonWriter(buffer))
            {
                writer.WriteStartObject();
                writer.WriteString("error", failure.Message);
                if (code is not null)
                    writer.WriteString("code", code);
                writer.WriteNumber("exit", (int)failure.Exit);
                if (failure.Hint is not null)
                    writer.WriteString("hint", failure.Hint);
                writer.WriteEndObject();
            }
            shell.Error.WriteLine(Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length));
            return;
        }
        shell.Error.WriteLine($"fileshare: {failure.Message}");
        if (failure.Hint is not null)
            shell.Error.WriteLine($"  {failure.Hint}");
    }

    public void Flush() => data?.Flush();

    public void Dispose() => data?.Dispose();
}
