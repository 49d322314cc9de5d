namespace FileServer.Audit;

/// <summary>The words for outcomes on the wire.</summary>
static class AuditOutcomes
{
    public static string Word(this AuditOutcome outcome) => outcome switch
    {
        AuditOutcome.Done => "done",
        AuditOutcome.Refused => "refused",
        AuditOutcome.Failed => "failed",
        _ => throw new ArgumentOutOfRangeException(nameof(outcome), outcome, "There is no such outcome."),
    };

    public static AuditOutcome? Parse(string word) => word switch
    {
        "done" => AuditOutcome.Done,
        "refused" => AuditOutcome.Refused,
        "failed" => AuditOutcome.Failed,
        _ => null,
    };
}

/// <summary>The words for how an actor signed in.</summary>
static class AuthKinds
{
    public static string Word(this AuthKind kind) => kind switch
    {
        AuthKind.None => "none",
        AuthKind.Session => "session",
        AuthKind.PersonalToken => "token",
        AuthKind.ShareLink => "link",
        AuthKind.System => "system",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "There is no such kind."),
    };
}
