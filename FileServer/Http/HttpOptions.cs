namespace FileServer.Http;

/// <summary>How strictly the API is spoken, section <c>Http</c>.</summary>
sealed class HttpOptions
{
    /// <summary>Whether changes of accounts, groups, spaces, nodes and grants must say by If-Match which state they change; else 428.</summary>
    public bool RequireConditions { get; set; }
}
