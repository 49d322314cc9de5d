using System.Net;
using System.Net.Sockets;
using FileClient.Terminal;
using FileServer.Protocol.Contracts;

namespace FileClient.Api;

/// <summary>The server said no, or could not be asked. Carries its stable code and the exit code that it means.</summary>
sealed class ApiException(ExitCode exit, string code, string message, Exception? cause = null) : Failure(exit, message, cause)
{
    /// <summary>The server's stable word, or <c>unreachable</c>, <c>stalled</c>, <c>broken-connection</c>, <c>tls</c>, <c>protocol</c>.</summary>
    public string Code { get; } = code;

    /// <summary>HTTP status; 0 when there was no answer.</summary>
    public int Status { get; init; }

    /// <summary>The server's problem document, if it sent one.</summary>
    public Problem? Problem { get; init; }

    /// <summary>How long the server asks to wait.</summary>
    public TimeSpan? RetryAfter { get; init; }

    public IReadOnlyList<Conflict> Conflicts => Problem?.Conflicts ?? [];

    /// <summary>Whether sending the same again later may succeed.</summary>
    public bool IsTemporary => Exit == ExitCode.Temporary || Status == 423;

    /// <summary>No answer, or none that can be used: the connection could not be made, broke off or went silent.</summary>
    public static ApiException Unreachable(Uri server, Exception cause)
    {
        var where = server.GetLeftPart(UriPartial.Authority);
        return cause switch
        {
            HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError } =>
                new(ExitCode.Failure, "tls", $"The connection to {where} is not secure: {Innermost(cause)}", cause)
                {
                    Hint = "If the server uses a private certificate authority, name its certificate with --ca-cert.",
                },
            HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError } =>
                new(ExitCode.Temporary, "unreachable", $"The name in {where} cannot be resolved.", cause),
            HttpRequestException { InnerException: SocketException socket } =>
                new(ExitCode.Temporary, "unreachable", $"{where} cannot be reached: {socket.Message}.", cause),
            HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError } =>
                new(ExitCode.Temporary, "unreachable", $"{where} cannot be reached: {Innermost(cause)}", cause),
            OperationCanceledException => new(ExitCode.Temporary, "stalled", $"{where} has been silent for too long.", cause),
            _ => new(ExitCode.Temporary, "broken-connection", $"The connection to {where} broke: {Innermost(cause)}", cause),
        };
    }

    /// <summary>An answer that this program does not understand.</summary>
    public static ApiException Protocol(string message, Exception? cause = null) => new(ExitCode.Failure, "protocol", message, cause);

    /// <summary>A refusal: status and, if the server is ours, its problem document.</summary>
    public static ApiException Refused(HttpStatusCode status, Problem? problem, TimeSpan? retryAfter)
    {
        var code = problem?.Code ?? $"http-{(int)status}";
        var detail = problem?.Detail ?? problem?.Title ?? $"The server answered {(int)status} {status}.";
        if (problem?.Errors is { Count: > 0 } errors)
            detail += " " + string.Join(' ', errors);
        if (problem?.Conflicts is { Count: > 0 } conflicts)
            detail = string.Join(Environment.NewLine, conflicts.Select(conflict => conflict.Detail));
        return new ApiException(ExitFor((int)status, code, problem), code, detail)
        {
            Status = (int)status,
            Problem = problem,
            RetryAfter = retryAfter ?? (problem?.RetryAfter is { } seconds ? TimeSpan.FromSeconds(seconds) : null),
            Hint = status == HttpStatusCode.Unauthorized && code != "wrong-credentials" ? "Sign in with: fileshare login URL" : null,
        };
    }

    static ExitCode ExitFor(int status, string code, Problem? problem) => code switch
    {
        "conflict" when problem?.Conflicts is [{ } first, ..] => ExitForConflict(first.Code),
        "name-taken" or "id-reused" => ExitCode.Failure,
        "held" => ExitCode.Locked,
        "braked" => ExitCode.Brake,
        "invalid-name" => ExitCode.Usage,
        "digest-mismatch" or "damaged-content" => ExitCode.Integrity,
        _ => status switch
        {
            401 or 403 or 407 => ExitCode.NotSignedIn,
            404 or 410 => ExitCode.NotFound,
            409 or 412 => ExitCode.Conflicts,
            413 or 507 => ExitCode.Limit,
            423 => ExitCode.Locked,
            460 => ExitCode.Integrity,
            408 or 425 or 429 or 502 or 503 or 504 => ExitCode.Temporary,
            _ => ExitCode.Failure,
        },
    };

    static ExitCode ExitForConflict(string code) => code switch
    {
        "not-found" or "parent-not-found" or "not-trashed" => ExitCode.NotFound,
        "forbidden" => ExitCode.NotSignedIn,
        "quota" => ExitCode.Limit,
        "held" => ExitCode.Locked,
        "invalid-name" => ExitCode.Usage,
        "name-taken" or "id-taken" or "cycle" or "too-deep" or "parent-not-folder" or "missing-chunks" => ExitCode.Failure,
        _ => ExitCode.Conflicts,
    };

    static string Innermost(Exception fault)
    {
        while (fault.InnerException is { } inner)
            fault = inner;
        return fault.Message;
    }
}
