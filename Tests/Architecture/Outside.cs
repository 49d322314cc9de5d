namespace Tests.Architecture;

/// <summary>Types that reach beyond the program's own memory.</summary>
static class Outside
{
    static readonly HashSet<Type> DiskTypes =
    [
        typeof(File), typeof(Directory), typeof(FileStream), typeof(FileInfo), typeof(DirectoryInfo), typeof(RandomAccess), typeof(DriveInfo),
        typeof(FileSystemWatcher), typeof(FileSystemInfo),
    ];

    static readonly HashSet<Type> WorldTypes =
    [
        typeof(TimeProvider), typeof(HttpClient), typeof(Environment), typeof(Console), typeof(System.Diagnostics.Process), typeof(System.Diagnostics.Stopwatch),
        typeof(Random), typeof(Stream), typeof(Task), typeof(Thread),
    ];

    public static bool Disk(Type type) => DiskTypes.Contains(type);

    /// <summary>Clocks, the network, the process around us, and anything that takes its own time.</summary>
    public static bool World(Type type) => WorldTypes.Contains(type);
}
