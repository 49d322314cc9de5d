using System.Net;
using System.Text.Json;
using FileServer.Audit;
using FileServer.Database;
using FileServer.Protocol;
using Npgsql;
using Tests.Support;

namespace Tests.Audit;

/// <summary>Security list rows 88 and 89: nothing happens without its row, no row is lost for what it says, none is ever changed.</summary>
public sealed class AuditLogTests(TestDatabase database) : IClassFixture<TestDatabase>
{
    static readonly Actor Ann = new(UserId.New(), "ann", AuthKind.Session, Guid.CreateVersion7(), IPAddress.Parse("192.0.2.7"), "request-1");

    readonly AuditLog log = new();

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_change_that_is_rolled_back_leaves_no_row()
    {
        await Assert.ThrowsAsync<InvalidOperationException>(() => database.Source.InTransactionAsync(
            async tx =>
            {
                await log.AppendAsync(tx, Record("test.rollback"), Ct);
                throw new InvalidOperationException("The change fails.");
            },
            Ct));
        Assert.Empty(await RowsAsync("test.rollback"));
    }

    [Fact]
    public async Task A_change_whose_row_cannot_be_written_does_not_happen()
    {
        // An action is never null in the types; the database is the one that refuses here.
        await Assert.ThrowsAsync<PostgresException>(() => database.Source.InTransactionAsync(
            async tx =>
            {
                await tx.ExecuteAsync("insert into groups (id, name, name_key) values (@id, 'unseen', 'unseen')", new { id = Guid.CreateVersion7() }, Ct);
                await log.AppendAsync(tx, Record(null!), Ct);
            },
            Ct));
        Assert.False(await database.Source.QuerySingleAsync<bool>("select exists (select from groups where name = 'unseen')", null, Ct));
    }

    [Fact]
    public async Task All_fields_come_back_as_they_were()
    {
        var (space, node) = (SpaceId.New(), NodeId.New());
        await AppendAsync(new AuditRecord(Ann, "test.fields", AuditOutcome.Refused, space, node, "/a/b.txt", """{"version":3}"""));
        var row = Assert.Single(await RowsAsync("test.fields"));
        Assert.Equal(
            (Ann.Id!.Value.Value, "ann", AuthKind.Session, Ann.SessionId, Ann.Ip!, AuditOutcome.Refused, space, node, "/a/b.txt", "request-1", """{"version":3}"""),
            (row.ActorId!.Value, row.Actor, row.AuthKind, row.SessionId, row.ClientIp!, row.Outcome, row.SpaceId!.Value, row.NodeId!.Value, row.Subject!, row.RequestId!, row.Detail!));
        Assert.Equal(0, row.At.Ticks % TimeSpan.TicksPerMicrosecond);
    }

    [Fact]
    public async Task No_text_keeps_an_event_from_being_written()
    {
        (string Told, string Kept)[] texts =
        [
            ("lone \ud800 surrogate", "lone \ufffd surrogate"),
            ("\udc00 at the start", "\ufffd at the start"),
            ("at the end \ud83d", "at the end \ufffd"),
            ("a whole pair \ud83d\ude00 stays", "a whole pair \ud83d\ude00 stays"),
            ("null \0 byte", "null \ufffd byte"),
            ("two\r\nlines \u001b[31mred", "two\r\nlines \u001b[31mred"),
        ];
        foreach (var (i, (told, kept)) in texts.Index())
        {
            await AppendAsync(new AuditRecord(Ann with { Name = told, RequestId = told }, $"test.text{i}", AuditOutcome.Done, Subject: told));
            var row = Assert.Single(await RowsAsync($"test.text{i}"));
            Assert.Equal((kept, kept, kept), (row.Actor, row.Subject, row.RequestId));
            // Whatever stands in it stays inside one line of the export, and is told unchanged.
            var line = JsonSerializer.Serialize(row.ToEvent(), FileServer.Protocol.Contracts.WireJson.Default.AuditEvent);
            Assert.DoesNotContain(line, char.IsControl);
            Assert.Equal(kept, JsonDocument.Parse(line).RootElement.GetProperty("subject").GetString());
        }
    }

    [Fact]
    public async Task A_text_without_end_is_cut_and_a_detail_without_end_is_left_out()
    {
        await AppendAsync(new AuditRecord(Ann, "test.long", AuditOutcome.Done, Subject: new string('x', 100_000), DetailJson: $"\"{new string('y', 100_000)}\""));
        var row = Assert.Single(await RowsAsync("test.long"));
        Assert.Equal(AuditRecord.MaxTextChars, row.Subject!.Length);
        Assert.Equal("""{"omitted":"too long","chars":100002}""", row.Detail);
    }

    [Fact]
    public async Task Thousands_of_rows_go_in_one_call()
    {
        var records = Enumerable.Range(0, 12_000).Select(i => Record("test.many") with { Subject = $"file-{i}" }).ToList();
        await database.Source.InTransactionAsync(tx => log.AppendAsync(tx, records, Ct), Ct);
        Assert.Equal(12_000, await database.Source.QuerySingleAsync<long>("select count(distinct subject) from audit_events where action = 'test.many'", null, Ct));
    }

    [Theory]
    [InlineData("update audit_events set actor = 'nobody'")]
    [InlineData("delete from audit_events")]
    [InlineData("truncate audit_events")]
    [InlineData("alter table audit_events disable trigger all")]
    [InlineData("drop table audit_events")]
    public async Task The_server_cannot_change_or_remove_rows(string sql)
    {
        await AppendAsync(Record("test.kept"));
        var refused = await Assert.ThrowsAsync<PostgresException>(() => database.Source.ExecuteAsync(sql, null, Ct));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
    }

    [Theory]
    [InlineData("update audit_events set actor = 'nobody'")]
    [InlineData("delete from audit_events")]
    [InlineData("truncate audit_events")]
    public async Task Not_even_the_owner_changes_or_removes_rows_by_mistake(string sql)
    {
        await AppendAsync(Record("test.kept"));
        await using var owner = new NpgsqlConnection(database.ConnectionString);
        await owner.OpenAsync(Ct);
        await Assert.ThrowsAsync<PostgresException>(() => owner.ExecuteAsync(sql, null, Ct));
    }

    static AuditRecord Record(string action) => new(Ann, action, AuditOutcome.Done);

    Task AppendAsync(AuditRecord record) => database.Source.InTransactionAsync(tx => log.AppendAsync(tx, record, Ct), Ct);

    Task<List<AuditRow>> RowsAsync(string action) =>
        new AuditReader(database.Source).PageAsync(new AuditQuery(null, null, action, null, null, null, null, null, null), null, 100, Ct);
}
