using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Sync.Core;

/// <content>Rows 4, 20–23, 38, 46–48: one name for one node. Who has it on the server keeps it.</content>
sealed partial class Merge
{
    void DecideNames()
    {
        var claims = new Dictionary<(Item Parent, string Key), List<Item>>(all.Count);
        foreach (var item in all)
            if (item.Alive && item.CopyOf is null)
                Claim(claims, item);
        // Ends: each round takes at least one claim away from its place for good.
        for (var clashes = Clashes(claims); clashes.Count > 0; clashes = Clashes(claims))
            foreach (var (place, claimants) in clashes)
                Settle(claims, place, claimants);
        foreach (var copy in all)
            if (copy.CopyOf is { } original)
                NameCopy(claims, copy, original.Name);
    }

    void NoteCopies()
    {
        foreach (var copy in all)
            if (copy.CopyOf is { } original)
                Conflicts.Add(new ConflictNote(original.Id, original.Name, copy.Id, copy.Name, copy.Why ?? ""));
    }

    void Claim(Dictionary<(Item Parent, string Key), List<Item>> claims, Item item)
    {
        if (!item.HoldLocal || !item.HoldRemote)
            Add(item.Parent ?? Root, NameRules.FoldKey(item.Name));
        // What is held occupies where it stands on each side.
        if (item is { HoldLocal: true, L: { } here })
            Add(LocalParent(item)!, here.Key);
        if (item is { HoldRemote: true, R: { } there })
            Add(RemoteParent(item)!, there.Key);

        void Add(Item parent, string key)
        {
            if (!claims.TryGetValue((parent, key), out var list))
                claims[(parent, key)] = list = [];
            if (!list.Contains(item))
                list.Add(item);
        }
    }

    static List<((Item, string) Place, List<Item> Claimants)> Clashes(Dictionary<(Item Parent, string Key), List<Item>> claims) =>
        [.. claims.Where(static pair => pair.Value.Count > 1 && pair.Value.Any(static item => !item.Held))
            .OrderBy(static pair => pair.Value.Min(static item => item.Id.Value))
            .Select(static pair => (pair.Key, pair.Value))];

    void Settle(Dictionary<(Item Parent, string Key), List<Item>> claims, (Item Parent, string Key) place, List<Item> claimants)
    {
        var winner = Winner(place, claimants);
        foreach (var loser in claimants.ToList())
        {
            if (loser == winner)
                continue;
            if (loser.Held || loser.HoldLocal)
                YieldToHeld(winner, loser);
            else
                GiveWay(claims, place, winner, loser);
        }
        claims[place] = [winner];
    }

    Item Winner((Item Parent, string Key) place, List<Item> claimants) => claimants
        .OrderBy(item => item.RemoteBase is { } there && !item.RestoreTop && RemoteParent(item) == place.Parent && there.Key == place.Key ? 0 : item.Held ? 1 : item.R is not null ? 2 : item.S is not null ? 3 : 4)
        .ThenBy(static item => item.Id.Value)
        .First();

    // The held entry cannot move, so a remote node of exactly its name cannot be placed.
    void YieldToHeld(Item winner, Item held)
    {
        if (winner.HoldLocal || held.L is not { } here || winner.L is { Name: var name } && name == here.Name || winner.Name != here.Name)
            return;
        winner.HoldLocal = true;
        Report(winner, "name-held", "An entry of this name that is not synced stands here.");
    }

    void GiveWay(Dictionary<(Item Parent, string Key), List<Item>> claims, (Item Parent, string Key) place, Item winner, Item loser)
    {
        // The winner is to leave this place, but has to wait.
        if (winner.HoldRemote && !winner.Held && (winner.Parent != place.Parent || NameRules.FoldKey(winner.Name) != place.Key))
        {
            HoldRemote(loser, "name-held", $"The name belongs to “{winner.R?.Name}” on the server, which has to wait.");
            Claim(claims, loser);
            return;
        }
        var heldBack = winner is { Held: true, L: null };
        if (heldBack || (loser.Name != winner.Name && loser.L?.Name == loser.Name && loser.RemoteBase is null))
        {
            loser.Hold();
            Report(loser, heldBack ? "name-held" : "case-clash", heldBack
                ? $"The name belongs to “{winner.Name}” on the server until its deletion is confirmed."
                : $"It differs from “{winner.Name}” only in upper and lower case.");
            if (loser.R is not null)
                Claim(claims, loser);
            return;
        }
        if (loser is { S: null, R: null, Kind: NodeKind.File, L: { } here } && winner is { R: { } there, FromLocal: false } && here.SameContent(there) && winner.L is not null)
        {
            // Equal content is never a conflict: the copy made here goes to the local trash, the moved node takes its place.
            loser.Alive = false;
            return;
        }
        NameCopy(claims, loser, loser.Name);
        Conflicts.Add(new ConflictNote(winner.Id, winner.Name, loser.Id, loser.Name, "The name was taken on the other side."));
    }

    void NameCopy(Dictionary<(Item Parent, string Key), List<Item>> claims, Item copy, string name)
    {
        var parent = copy.Parent ?? Root;
        copy.Name = ConflictName.Make(name, options.Device, options.Now, candidate => claims.ContainsKey((parent, NameRules.FoldKey(candidate))));
        claims[(parent, NameRules.FoldKey(copy.Name))] = [copy];
    }
}
