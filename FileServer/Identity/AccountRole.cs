namespace FileServer.Identity;

/// <summary>What an account is for, apart from any grants.</summary>
enum AccountRole : short
{
    /// <summary>Works with documents as far as grants reach.</summary>
    Member = 0,

    /// <summary>Manages accounts, spaces and settings; reads content only where a grant says so.</summary>
    Admin = 1,

    /// <summary>Reads the audit log and nothing else.</summary>
    Auditor = 2,
}

/// <summary>The words for account roles on the wire.</summary>
static class AccountRoles
{
    public static string Word(this AccountRole role) => role switch
    {
        AccountRole.Member => "member",
        AccountRole.Admin => "admin",
        AccountRole.Auditor => "auditor",
        _ => throw new ArgumentOutOfRangeException(nameof(role), role, "There is no such role."),
    };

    public static AccountRole? Parse(string? word) => word?.ToLowerInvariant() switch
    {
        "member" => AccountRole.Member,
        "admin" => AccountRole.Admin,
        "auditor" => AccountRole.Auditor,
        _ => null,
    };
}
