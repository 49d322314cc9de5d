using FileServer.Database;
using FileServer.Protocol;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Storage;

/// <summary>Removes staged bytes that no running upload names: what a crash left of uploads that nobody can resume.</summary>
sealed partial class StagingSweep(PackFiles files, NpgsqlDataSource db, IOptions<StorageOptions> options, TimeProvider clock, ILogger<StagingSweep> logger)
{
    /// <returns>The number of files removed.</returns>
    public async Task<int> RunAsync(CancellationToken ct)
    {
        var oldest = clock.GetUtcNow().AddHours(-options.Value.StagingHours);
        var old = Directory.EnumerateFiles(files.StagingFolder)
            .Where(file => File.GetLastWriteTimeUtc(file) < oldest.UtcDateTime)
            .Select(file => Guid.TryParse(Path.GetFileName(file), out var id) ? id : Guid.Empty)
            .Where(id => id != Guid.Empty)
            .ToArray();
        if (old.Length == 0)
            return 0;
        const string sql = "select pack_id from uploads where pack_id = any(@old) and state in (0, 1)";
        var used = (await db.QueryAsync<Guid>(sql, new { old }, ct)).ToHashSet();
        var removed = 0;
        foreach (var id in old.Where(id => !used.Contains(id)))
        {
            files.RemoveStaged(new PackId(id));
            removed++;
        }
        if (removed > 0)
            Log.Swept(logger, removed);
        return removed;
    }

    static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Information, Message = "Removed {Count} staged files that no upload names")]
        public static partial void Swept(ILogger logger, int count);
    }
}
