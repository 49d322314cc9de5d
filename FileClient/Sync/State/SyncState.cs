using FileClient.Sync.Core;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Sync.State;

/// <summary>
/// What a sync folder remembers: the agreed tree, the server's tree and what stands on the disk. Kept in memory, changes are written in one transaction.
/// </summary>
sealed class SyncState : IDisposable
{
    const string ConflictMark = "(conflicted copy ";

    readonly StateDb db;
    readonly Dictionary<NodeId, Entry> synced = [], remote = [];
    readonly Dictionary<NodeId, KnownEntry> known = [];
    readonly HashSet<NodeId> touched = [], touchedLocal = [];
    readonly Dictionary<string, string> meta = [];
    readonly HashSet<string> touchedMeta = [];
    readonly List<ChangesetId> settled = [];

    bool beside;

    SyncState(StateDb db) => this.db = db;

    public IReadOnlyDictionary<NodeId, Entry> Synced => synced;

    public IReadOnlyDictionary<NodeId, Entry> Remote => remote;

    public IReadOnlyDictionary<NodeId, KnownEntry> Known => known;

    /// <summary>How many files and folders both sides agree on, and how many of these are conflict copies.</summary>
    public (int Files, int Folders, int Conflicts) Counts { get; private set; }

    /// <summary>Gathers the nodes of which anything changed in one of the trees, for whoever follows them; null: nobody does.</summary>
    public HashSet<NodeId>? Stirred { get; set; }

    /// <param name="beside">Another process works on the folder: what it knows is read, and nothing is written.</param>
    public static SyncState Open(string path, bool beside = false)
    {
        var state = new SyncState(StateDb.Open(path)) { beside = beside };
        state.Load();
        return state;
    }

    void Load()
    {
        using (var rows = new Statement(db.Handle, "select key, value from meta"))
            while (rows.Read())
                meta[rows.Text(0)] = rows.Text(1);
        using (var rows = new Statement(db.Handle, $"select {Rows.EntryColumns} from synced"))
            while (rows.Read())
            {
                var entry = Rows.Entry(rows);
                synced[entry.Id] = remote[entry.Id] = entry;
                Count(entry, 1);
            }
        using (var rows = new Statement(db.Handle, $"select {Rows.EntryColumns} from remote"))
            while (rows.Read())
            {
                if (rows.Long(2) < 0)
                    remote.Remove(rows.Node(0));
                else
                    remote[rows.Node(0)] = Rows.Entry(rows);
            }
        using (var rows = new Statement(db.Handle, $"select {Rows.LocalColumns} from local"))
            while (rows.Read())
            {
                var entry = Rows.Known(rows);
                known[entry.Id] = entry;
            }
    }

    public string? Meta(string key) => meta.GetValueOrDefault(key);

    public void SetMeta(string key, string? value)
    {
        if (meta.GetValueOrDefault(key) == value)
            return;
        if (value is null)
            meta.Remove(key);
        else
            meta[key] = value;
        touchedMeta.Add(key);
    }

    public void SetSynced(Entry entry)
    {
        Count(synced.GetValueOrDefault(entry.Id), -1);
        Count(entry, 1);
        synced[entry.Id] = entry;
        Touch(entry.Id);
    }

    public void ForgetSynced(NodeId id)
    {
        if (!synced.Remove(id, out var entry))
            return;
        Count(entry, -1);
        Touch(id);
    }

    public void SetRemote(Entry entry)
    {
        remote[entry.Id] = entry;
        Touch(entry.Id);
    }

    public void ForgetRemote(NodeId id)
    {
        if (remote.Remove(id))
            Touch(id);
    }

    public void SetKnown(KnownEntry entry)
    {
        if (known.TryGetValue(entry.Id, out var before) && before == entry)
            return;
        known[entry.Id] = entry;
        touchedLocal.Add(entry.Id);
        Stirred?.Add(entry.Id);
    }

    public void ForgetKnown(NodeId id)
    {
        if (known.Remove(id))
        {
            touchedLocal.Add(id);
            Stirred?.Add(id);
        }
    }

    void Count(Entry? entry, int by)
    {
        if (entry is null)
            return;
        var (files, folders, conflicts) = Counts;
        Counts = (
            files + (entry.Kind == NodeKind.File ? by : 0), folders + (entry.Kind == NodeKind.Folder ? by : 0),
            conflicts + (entry.Name.Contains(ConflictMark, StringComparison.Ordinal) ? by : 0));
    }

    void Touch(NodeId id)
    {
        touched.Add(id);
        Stirred?.Add(id);
    }

    /// <summary>Nothing is agreed any more: the next comparison unites both sides and deletes nothing.</summary>
    public void ForgetAgreement()
    {
        touched.UnionWith(synced.Keys);
        touched.UnionWith(remote.Keys);
        Stirred?.UnionWith(touched);
        synced.Clear();
        remote.Clear();
        Counts = default;
    }

    /// <summary>Writes all changes since the last call, or none of them.</summary>
    public void Save()
    {
        if (beside || touched.Count + touchedLocal.Count + touchedMeta.Count + settled.Count == 0)
            return;
        db.Transact(() =>
        {
            SaveTrees();
            SaveKnown();
            SaveMeta();
            SaveOutbox();
        });
        settled.Clear();
        touched.Clear();
        touchedLocal.Clear();
        touchedMeta.Clear();
    }

    void SaveTrees()
    {
        if (touched.Count == 0)
            return;
        using var putSynced = new Statement(db.Handle, $"replace into synced ({Rows.EntryColumns}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        using var dropSynced = new Statement(db.Handle, "delete from synced where id = ?");
        using var putRemote = new Statement(db.Handle, $"replace into remote ({Rows.EntryColumns}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        using var dropRemote = new Statement(db.Handle, "delete from remote where id = ?");
        foreach (var id in touched)
        {
            var agreed = synced.GetValueOrDefault(id);
            var there = remote.GetValueOrDefault(id);
            if (agreed is not null)
                Rows.Write(putSynced, agreed);
            else
                dropSynced.Bind(1, id).Run();
            if (agreed is null ? there is null : agreed.Equals(there))
                dropRemote.Bind(1, id).Run();
            else if (there is null)
                Rows.WriteGone(putRemote, id);
            else
                Rows.Write(putRemote, there);
        }
    }

    void SaveKnown()
    {
        if (touchedLocal.Count == 0)
            return;
        using var put = new Statement(db.Handle, $"replace into local ({Rows.LocalColumns}) values (?, ?, ?, ?, ?, ?, ?, ?)");
        using var drop = new Statement(db.Handle, "delete from local where id = ?");
        foreach (var id in touchedLocal)
        {
            if (known.TryGetValue(id, out var entry))
                Rows.Write(put, entry);
            else
                drop.Bind(1, id).Run();
        }
    }

    void SaveMeta()
    {
        using var put = new Statement(db.Handle, "replace into meta (key, value) values (?, ?)");
        using var drop = new Statement(db.Handle, "delete from meta where key = ?");
        foreach (var key in touchedMeta)
        {
            if (meta.TryGetValue(key, out var value))
                put.Bind(1, key).Bind(2, value).Run();
            else
                drop.Bind(1, key).Run();
        }
    }

    /// <summary>The chunks of a content that has several; null if they are not known here.</summary>
    public IReadOnlyList<ChunkRef>? Chunks(Digest content)
    {
        using var read = new Statement(db.Handle, "select list from chunks where content = ?");
        read.Bind(1, content);
        return read.Read() ? ChunkListCodec.DecodeEntries(read.Bytes(0)) : null;
    }

    /// <summary>Every known content with several chunks.</summary>
    public List<(Digest Content, IReadOnlyList<ChunkRef> Chunks)> AllChunks()
    {
        List<(Digest, IReadOnlyList<ChunkRef>)> lists = [];
        using var read = new Statement(db.Handle, "select content, list from chunks");
        while (read.Read())
            lists.Add((read.DigestOrNull(0)!.Value, ChunkListCodec.DecodeEntries(read.Bytes(1))));
        return lists;
    }

    public void SetChunks(IReadOnlyCollection<(Digest Content, IReadOnlyList<ChunkRef> Chunks)> lists)
    {
        if (lists.Count == 0)
            return;
        db.Transact(() =>
        {
            using var put = new Statement(db.Handle, "replace into chunks (content, list) values (?, ?)");
            foreach (var (content, chunks) in lists)
                put.Bind(1, content).Bind(2, ChunkListCodec.EncodeEntries(chunks)).Run();
        });
    }

    /// <summary>Drops the chunk lists that no local file has any more.</summary>
    public void SweepChunks() => db.Execute("delete from chunks where content not in (select content from local where content is not null)");

    public List<Intent> Intents() => IntentTable.Read(db);

    public void AddIntents(IReadOnlyCollection<Intent> intents) => IntentTable.Add(db, intents);

    public void ClearIntents(IReadOnlyCollection<Intent> keep) => IntentTable.Clear(db, keep);

    public List<byte[]> Outbox()
    {
        List<byte[]> bodies = [];
        using var read = new Statement(db.Handle, "select body from outbox order by id");
        while (read.Read())
            bodies.Add(read.Bytes(0).ToArray());
        return bodies;
    }

    public void AddToOutbox(ChangesetId id, byte[] body)
    {
        using var put = new Statement(db.Handle, "replace into outbox (id, body) values (?, ?)");
        put.Bind(1, id.ToString()).Bind(2, body).Run();
    }

    /// <summary>The changeset is answered: it leaves the outbox together with what the answer changed here, at the next <see cref="Save"/>.</summary>
    public void Settle(ChangesetId id) => settled.Add(id);

    public void RemoveFromOutbox(ChangesetId id)
    {
        using var drop = new Statement(db.Handle, "delete from outbox where id = ?");
        drop.Bind(1, id.ToString()).Run();
    }

    void SaveOutbox()
    {
        if (settled.Count == 0)
            return;
        using var drop = new Statement(db.Handle, "delete from outbox where id = ?");
        foreach (var id in settled)
            drop.Bind(1, id.ToString()).Run();
    }

    public void Dispose() => db.Dispose();
}
