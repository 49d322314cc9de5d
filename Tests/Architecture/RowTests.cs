using System.Reflection;

namespace Tests.Architecture;

public sealed class RowTests
{
    static readonly Assembly Server = typeof(FileServer.ServerHost).Assembly;

    [Fact]
    public void Every_folder_of_the_server_has_its_place_in_the_house()
    {
        var homeless = Server.GetTypes().Select(FolderOf).OfType<string>().Distinct(StringComparer.Ordinal).Where(folder => House.RowOf(folder) is null);
        Offences.None(homeless);
    }

    [Fact]
    public void A_folder_uses_only_rows_below_it()
    {
        var offences =
            from type in Server.GetTypes()
            let folder = FolderOf(type)
            where folder is not null && House.RowOf(folder) is not null
            from used in References.Of(type).OfType<Type>()
            where used.Assembly == Server && Outermost(used).Namespace?.StartsWith("FileServer", StringComparison.Ordinal) == true
            let usedFolder = FolderOf(used)
            where usedFolder != folder
            where usedFolder is null || House.RowOf(usedFolder) <= House.RowOf(folder)
            select $"{Outermost(type).FullName} uses {Outermost(used).FullName}";
        Offences.None(offences);
    }

    [Fact]
    public void The_eye_that_looks_for_offences_sees()
    {
        var used = References.Of(typeof(FileServer.Database.DatabaseFeature)).OfType<Type>().ToList();
        Assert.Contains(typeof(FileServer.Database.DatabaseOptions), used); // a generic argument of a call
        Assert.Contains(typeof(FileServer.Database.TypeHandlers), used);    // the owner of a called method
        Assert.Contains(typeof(FileServer.Database.OpenDatabase), used);    // an argument of a parameter's type
        Assert.NotEmpty(Uses([typeof(FileServer.Database.DataFolder)], Outside.Disk));
    }

    [Fact]
    public void The_protocol_knows_neither_the_web_nor_the_database_and_does_no_input_or_output()
    {
        var protocol = typeof(FileServer.Protocol.NodeId).Assembly;
        Assert.DoesNotContain(protocol.GetReferencedAssemblies(), name =>
            name.Name!.StartsWith("Microsoft.AspNetCore", StringComparison.Ordinal) || name.Name is "Npgsql" or "Dapper" or "System.Net.Http" or "System.Net.Sockets");
        Offences.None(Uses(protocol.GetTypes(), Outside.Disk));
    }

    [Fact]
    public void Only_those_who_keep_bytes_open_files()
    {
        // Storage keeps the bytes. Database keeps the folder itself and PostgreSQL's files; the root reads settings.
        var others = Server.GetTypes().Where(type => FolderOf(type) is not (null or "Storage" or "Database"));
        Offences.None(Uses(others, Outside.Disk));
    }

    [Fact]
    public void Only_durable_calls_fsync()
    {
        var callers =
            from type in Server.GetTypes()
            from used in References.Of(type).OfType<MethodInfo>()
            where used.Attributes.HasFlag(MethodAttributes.PinvokeImpl) && used.Name.Contains("sync", StringComparison.Ordinal)
            let caller = Outermost(type)
            where caller.Name is not "Durable" && caller != used.DeclaringType
            select $"{caller.FullName} uses {used.Name}";
        Offences.None(callers);
    }

    [Fact]
    public void The_core_of_sync_is_pure()
    {
        var core = Assembly.Load("fileshare").GetTypes().Where(type => type.Namespace?.StartsWith("FileClient.Sync.Core", StringComparison.Ordinal) == true).ToList();
        Offences.None(Uses(core, used => Outside.Disk(used) || Outside.World(used)));
        Offences.None(
            from type in core
            from used in References.Of(type).OfType<Type>()
            where used.Namespace?.StartsWith("FileClient", StringComparison.Ordinal) == true && !used.Namespace.StartsWith("FileClient.Sync.Core", StringComparison.Ordinal)
            select $"{type.FullName} uses {used.FullName}");
    }

    static IEnumerable<string> Uses(IEnumerable<Type> types, Func<Type, bool> forbidden) => types
        .SelectMany(type => References.Of(type).OfType<Type>().Where(forbidden).Select(used => $"{Outermost(type).FullName} uses {used.FullName}"));

    /// <summary>The folder below the project that a type stands in; null in the project's own.</summary>
    static string? FolderOf(Type type) => Outermost(type).Namespace?.Split('.') is ["FileServer", var folder, ..] ? folder : null;

    static Type Outermost(Type type) => type.DeclaringType is { } outer ? Outermost(outer) : type;
}
