namespace FileServer.Identity;

/// <summary>What an account is for, apart from any grants.</summary>
enum Role : short
{
    /// <summary>Works with documents as far as grants reach.</summary>
    Member = 0,

    /// <summary>Manages accounts, spaces and settings; reads content only where a grant says so.</summary>
    Admin = 1,

    /// <summary>Reads the audit log and nothing else.</summary>
    Auditor = 2,
}
