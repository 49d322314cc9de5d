namespace FileClient.Terminal;

/// <summary>How a run of <c>fileshare</c> ended, as scripts see it. The numbers are part of the surface that stays stable.</summary>
enum ExitCode
{
    Done = 0,
    Failure = 1,
    Usage = 2,
    NotFound = 3,
    NotSignedIn = 4,
    Temporary = 5,
    Partial = 6,
    Conflicts = 7,
    Limit = 8,
    Integrity = 9,
    Brake = 10,
    Locked = 11,
    Interrupted = 130,
    Terminated = 143,
}
