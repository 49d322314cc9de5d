namespace FileServer.Access;

/// <summary>The fine rights behind the roles; what one may do on a node and below it.</summary>
[Flags]
enum Rights
{
    None = 0,
    List = 1,
    Read = 2,
    Create = 4,
    Write = 8,
    Delete = 16,
    Share = 32,
    Manage = 64,
    All = List | Read | Create | Write | Delete | Share | Manage,
}

/// <summary>A named set of rights that a grant gives: the words people use when they share.</summary>
enum GrantRole
{
    Viewer,
    Uploader,
    Contributor,
    Editor,
    Manager,
}

/// <summary>Which rights each role holds, and how both are written.</summary>
static class Roles
{
    /// <summary>Rights by role, as SQL takes them: the element at role + 1 (arrays there count from one).</summary>
    public static readonly int[] RightsByRole = [.. Enum.GetValues<GrantRole>().Select(role => (int)RightsOf(role))];

    public static Rights RightsOf(GrantRole role) => role switch
    {
        GrantRole.Viewer => Rights.List | Rights.Read,
        // A drop box: what is put in cannot be seen again, not even by who put it there.
        GrantRole.Uploader => Rights.Create,
        GrantRole.Contributor => Rights.List | Rights.Read | Rights.Create,
        GrantRole.Editor => Rights.List | Rights.Read | Rights.Create | Rights.Write | Rights.Delete,
        GrantRole.Manager => Rights.All,
        _ => throw new ArgumentOutOfRangeException(nameof(role), role, "There is no such role."),
    };

    public static string Word(this GrantRole role) => role switch
    {
        GrantRole.Viewer => "viewer",
        GrantRole.Uploader => "uploader",
        GrantRole.Contributor => "contributor",
        GrantRole.Editor => "editor",
        GrantRole.Manager => "manager",
        _ => throw new ArgumentOutOfRangeException(nameof(role), role, "There is no such role."),
    };

    public static GrantRole? Parse(string? word)
    {
        foreach (var role in Enum.GetValues<GrantRole>())
        {
            if (string.Equals(role.Word(), word, StringComparison.OrdinalIgnoreCase))
                return role;
        }
        return null;
    }

    /// <summary>The rights as the wire tells them: list, read, create, write, delete, share, manage.</summary>
    public static IReadOnlyList<string> Words(this Rights rights) => WordsByRights[(int)(rights & Rights.All)];

    static readonly IReadOnlyList<string>[] WordsByRights = [.. Enumerable.Range(0, (int)Rights.All + 1).Select(WordsOf)];

    static IReadOnlyList<string> WordsOf(int rights)
    {
        (Rights, string)[] words =
        [
            (Rights.List, "list"), (Rights.Read, "read"), (Rights.Create, "create"), (Rights.Write, "write"),
            (Rights.Delete, "delete"), (Rights.Share, "share"), (Rights.Manage, "manage"),
        ];
        return [.. words.Where(word => ((Rights)rights).HasFlag(word.Item1)).Select(word => word.Item2)];
    }
}
