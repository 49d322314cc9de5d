using System.Buffers.Text;
using System.Text;
using FileServer.Http;

namespace FileServer.Uploads;

/// <summary>What a client said about its upload (Upload-Metadata): words and values, beside the raw text that HEAD gives back.</summary>
sealed class UploadMetadata
{
    static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    readonly Dictionary<string, string> values = new(StringComparer.Ordinal);

    UploadMetadata(string? raw) => Raw = raw;

    public string? Raw { get; }

    /// <summary>The value under the first of these words that has one. Uppy sends the word 'null' for what it does not know.</summary>
    public string? this[params ReadOnlySpan<string> words]
    {
        get
        {
            foreach (var word in words)
            {
                if (values.TryGetValue(word, out var value) && value is not ("" or "null"))
                    return value;
            }
            return null;
        }
    }

    /// <exception cref="Refusal">The header does not follow the grammar, or a value is not UTF-8.</exception>
    public static UploadMetadata Parse(string? raw, int maxChars)
    {
        var metadata = new UploadMetadata(raw);
        if (string.IsNullOrEmpty(raw))
            return metadata;
        if (raw.Length > maxChars)
            throw Refusal.TooLarge($"'{TusHeaders.UploadMetadata}' has at most {maxChars} characters.", maxChars);
        foreach (var range in raw.AsSpan().Split(','))
            metadata.Add(raw.AsSpan(range).Trim(' '));
        return metadata;
    }

    // tus-js-client writes an empty value as the word and a space; the space may be missing too.
    void Add(ReadOnlySpan<char> pair)
    {
        var space = pair.IndexOf(' ');
        var word = space < 0 ? pair : pair[..space];
        var value = space < 0 ? [] : pair[(space + 1)..].Trim(' ');
        if (word.IsEmpty || word.ContainsAnyExceptInRange('!', '~'))
            throw Refusal.Invalid($"'{TusHeaders.UploadMetadata}' consists of words, each followed by a space and its value in Base64, separated by commas.");
        if (!values.TryAdd(word.ToString(), Decode(word, value)))
            throw Refusal.Invalid($"'{TusHeaders.UploadMetadata}' holds the word '{word}' twice.");
    }

    static string Decode(ReadOnlySpan<char> word, ReadOnlySpan<char> value)
    {
        if (value.IsEmpty)
            return "";
        var bytes = new byte[value.Length];
        try
        {
            if (Base64.IsValid(value) && Convert.TryFromBase64Chars(value, bytes, out var length))
                return Utf8.GetString(bytes, 0, length);
        }
        catch (DecoderFallbackException)
        {
            // Said below.
        }
        throw Refusal.Invalid($"The value of '{word}' in '{TusHeaders.UploadMetadata}' is not UTF-8 in Base64.");
    }
}
