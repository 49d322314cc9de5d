namespace FileClient.Sync.Core;

/// <content>Rows 4–9, 14, 16, 35, P1: whose bytes each node gets.</content>
sealed partial class Merge
{
    void DecideContents()
    {
        foreach (var item in all.ToList())
        {
            if (item.Held || !item.Alive || item.L is null)
                continue;
            if (item.R is not { } there)
                item.FromLocal = true;
            else if (!item.L.SameContent(there))
                DecideContent(item, there);
        }
    }

    void DecideContent(Item item, Entry there)
    {
        var edited = item.S is null || EditedLocally(item);
        if (!edited)
            return;
        if (item.S is not null && !EditedRemotely(item))
        {
            if (there.Permits.HasFlag(Permits.Write))
                item.FromLocal = true;
            else
                KeepBoth(item, "The file may not be changed by this account.");
            return;
        }
        KeepBoth(item, "It was changed on both sides.");
    }

    /// <summary>The server's content keeps node and name; the local bytes become a node of their own beside it.</summary>
    void KeepBoth(Item item, string why)
    {
        var copy = NewItem(item.Kind, item.L!.Name);
        copy.ConflictOf = item.Id;
        copy.CopyOf = item;
        copy.Why = why;
        copy.Parent = item.Parent;
        copy.Name = item.Name;
        GiveLocal(item, copy);
    }
}
