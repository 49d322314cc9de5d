using System.ComponentModel.DataAnnotations;

namespace FileServer.Access;

/// <summary>Limits of spaces and grants.</summary>
sealed class AccessOptions
{
    /// <summary>Members who are no administrators may create spaces too.</summary>
    public bool MembersCreateSpaces { get; set; } = true;

    /// <summary>Grants on one node.</summary>
    [Range(1, 10_000)]
    public int MaxGrantsPerNode { get; set; } = 200;

    /// <summary>How long a change waits for others of the same space before it asks to be sent again.</summary>
    [Range(1, 25)]
    public int LockWaitSeconds { get; set; } = 20;
}
