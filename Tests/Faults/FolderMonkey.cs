using System.Text;
using FileServer.Protocol;

namespace Tests.Faults;

/// <summary>
/// Somebody who works in a folder without any plan: few names, so that everything collides with everything, and every way in which programs change files.
/// Each content that it writes is unique.
/// </summary>
sealed class FolderMonkey
{
    const int MaxDepth = 4;

    readonly string root;
    readonly Random random;
    readonly string[] names;
    readonly Func<string> token;
    readonly (int Weight, string Name, Func<string?> Do)[] habits;

    public FolderMonkey(string root, Random random, string[] names, Func<string> token)
    {
        this.root = root;
        this.random = random;
        this.names = names;
        this.token = token;
        habits =
        [
            (15, "write", () => Write(NewPlace(), Content())), (15, "overwrite", () => OnFile(path => Write(path, Content()))), (5, "append", () => OnFile(Append)), (5, "patch", () => OnFile(Patch)),
            (3, "rewrite with old time", () => OnFile(RewriteInSecret)), (2, "truncate", () => OnFile(Truncate)), (8, "delete", () => OnFile(Delete)), (4, "delete folder", () => OnFolder(DeleteFolder)),
            (6, "make folder", MakeFolder), (10, "move file", () => OnFile(path => Move(path, NewPlace()))), (8, "move folder", () => OnFolder(path => Move(path, NewPlace()))),
            (4, "rename", () => OnAny(path => Move(path, Path.Combine(Path.GetDirectoryName(path)!, Name())))), (3, "move over", () => OnFile(path => OnFile(other => MoveOver(path, other)))),
            (3, "swap", () => OnAny(path => OnAny(other => Rotate(path, other)))), (2, "rotate", () => OnFile(a => OnFile(b => OnFile(c => Rotate(a, b, c))))), (3, "copy", () => OnFile(path => Copy(path, NewPlace()))),
            (2, "mode", () => OnFile(Mode)), (2, "link", Link), (2, "touch", () => OnFile(Touch)), (4, "save as editors do", () => OnFile(Save)), (2, "file to folder", () => OnFile(BecomeFolder)),
            (2, "folder to file", () => OnFolder(BecomeFile)), (2, "make folder anew", () => OnFolder(MakeAnew)), (1, "turn a hierarchy upside down", () => OnFolder(Invert)),
        ];
    }

    /// <summary>Does one thing; says what.</summary>
    public string Work()
    {
        var pick = random.Next(habits.Sum(static habit => habit.Weight));
        foreach (var (weight, name, act) in habits)
        {
            if ((pick -= weight) >= 0)
                continue;
            try
            {
                return $"{name}: {act() ?? "nothing there"}";
            }
            catch (Exception impossible) when (impossible is IOException or UnauthorizedAccessException)
            {
                return $"{name}: {impossible.Message}";
            }
        }
        throw new InvalidOperationException("The weights do not add up.");
    }

    /// <summary>Makes something new, so that there is something to work on.</summary>
    public string Settle() => NewPlace() is var path && Exists(path) ? "there already" : random.Next(2) == 0 ? Write(path, Content()) : $"folder {Short(Directory.CreateDirectory(path).FullName)}";

    public byte[] Content()
    {
        var text = Encoding.UTF8.GetBytes(token());
        var size = random.Next(20) switch { 0 => 4096, 1 => 300_000, 2 => 1_500_000, _ => 0 };
        if (size == 0)
            return text;
        var bytes = new byte[size];
        random.NextBytes(bytes);
        text.CopyTo(bytes, 0);
        return bytes;
    }

    public string Name() => names[random.Next(names.Length)];

    /// <summary>A name in some folder; something may stand there.</summary>
    public string NewPlace() => Path.Combine(Pick(Folders(MaxDepth - 1).Append(root)) ?? root, Name());

    public string? AnyPlace() => Pick(Files().Concat(Folders(MaxDepth)));

    public string Short(string path) => Path.GetRelativePath(root, path);

    IEnumerable<string> Files() => Entries(new DirectoryInfo(root), MaxDepth).OfType<FileInfo>().Where(static file => file.LinkTarget is null).Select(static file => file.FullName);

    IEnumerable<string> Folders(int depth) => Entries(new DirectoryInfo(root), depth).OfType<DirectoryInfo>().Where(static folder => folder.LinkTarget is null).Select(static folder => folder.FullName);

    /// <summary>Everything below a folder but our own state; links are not followed.</summary>
    public static IEnumerable<FileSystemInfo> Entries(DirectoryInfo folder, int depth)
    {
        foreach (var entry in List(folder))
        {
            yield return entry;
            if (depth > 1 && entry is DirectoryInfo { LinkTarget: null } below)
                foreach (var deeper in Entries(below, depth - 1))
                    yield return deeper;
        }
    }

    static IEnumerable<FileSystemInfo> List(DirectoryInfo folder)
    {
        try
        {
            return folder.GetFileSystemInfos().Where(static entry => entry.Name != ".fileshare").OrderBy(static entry => entry.Name, StringComparer.Ordinal);
        }
        catch (DirectoryNotFoundException)
        {
            // A sync beside us removed it.
            return [];
        }
    }

    string? Pick(IEnumerable<string> from) => from.ToList() is { Count: > 0 } list ? list[random.Next(list.Count)] : null;

    string? OnFile(Func<string, string?> act) => Pick(Files()) is { } path ? act(path) : null;

    string? OnFolder(Func<string, string?> act) => Pick(Folders(MaxDepth)) is { } path ? act(path) : null;

    string? OnAny(Func<string, string?> act) => AnyPlace() is { } path ? act(path) : null;

    string Write(string path, byte[] bytes)
    {
        if (new FileInfo(path).LinkTarget is not null)
            File.Delete(path);
        File.WriteAllBytes(path, bytes);
        return $"{Short(path)} = {Show(bytes)}";
    }

    static string Show(byte[] bytes) => $"{Encoding.UTF8.GetString(bytes, 0, Math.Min(bytes.Length, 12)).Split(';')[0]} ({bytes.Length})";

    string Append(string path)
    {
        File.AppendAllText(path, token());
        return Short(path);
    }

    string Patch(string path)
    {
        using var file = File.OpenWrite(path);
        file.Position = file.Length == 0 ? 0 : random.NextInt64(file.Length);
        file.WriteByte((byte)random.Next(256));
        return Short(path);
    }

    string RewriteInSecret(string path)
    {
        var time = File.GetLastWriteTimeUtc(path);
        var bytes = File.ReadAllBytes(path);
        var text = Encoding.UTF8.GetBytes(token());
        text.AsSpan(0, Math.Min(text.Length, bytes.Length)).CopyTo(bytes);
        File.WriteAllBytes(path, bytes);
        File.SetLastWriteTimeUtc(path, time);
        return $"{Short(path)} = {Show(bytes)}";
    }

    string Truncate(string path)
    {
        using var file = File.OpenWrite(path);
        file.SetLength(random.NextInt64(file.Length + 1));
        return Short(path);
    }

    string Delete(string path)
    {
        File.Delete(path);
        return Short(path);
    }

    string DeleteFolder(string path)
    {
        Directory.Delete(path, recursive: true);
        return Short(path);
    }

    string MakeFolder()
    {
        var path = NewPlace();
        Directory.CreateDirectory(path);
        return Short(path);
    }

    string? Move(string path, string to)
    {
        if (path == to || (to + "/").StartsWith(path + "/", StringComparison.Ordinal) || Exists(to))
            return null;
        if (Directory.Exists(path) && new FileInfo(path).LinkTarget is null)
            Directory.Move(path, to);
        else
            File.Move(path, to);
        return $"{Short(path)} to {Short(to)}";
    }

    static bool Exists(string path) => Path.Exists(path) || new FileInfo(path).LinkTarget is not null;

    string MoveOver(string path, string other)
    {
        File.Move(path, other, overwrite: true);
        return $"{Short(path)} to {Short(other)}";
    }

    // The first gets the place of the second, and so on.
    string? Rotate(params string[] paths)
    {
        if (paths.Any(path => paths.Any(other => other != path && (other + "/").StartsWith(path + "/", StringComparison.Ordinal))) || paths.Distinct().Count() < paths.Length)
            return null;
        var aside = Path.Combine(root, $"aside-{NodeId.New()}");
        Move(paths[^1], aside);
        for (var i = paths.Length - 2; i >= 0; i--)
            Move(paths[i], paths[i + 1]);
        Move(aside, paths[0]);
        return string.Join(", ", paths.Select(Short));
    }

    string? Copy(string path, string to)
    {
        if (Exists(to))
            return null;
        File.Copy(path, to);
        return $"{Short(path)} to {Short(to)}";
    }

    string Mode(string path)
    {
        File.SetUnixFileMode(path, File.GetUnixFileMode(path) ^ UnixFileMode.UserExecute);
        return Short(path);
    }

    string? Link()
    {
        var path = NewPlace();
        if (Exists(path))
            return null;
        File.CreateSymbolicLink(path, random.Next(3) switch { 0 => "missing", 1 => "a", _ => "../b" });
        return Short(path);
    }

    string Touch(string path)
    {
        File.SetLastWriteTimeUtc(path, new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddSeconds(random.Next(100_000_000)));
        return Short(path);
    }

    string Save(string path)
    {
        var temporary = path + "~" + random.Next(1000);
        File.WriteAllBytes(temporary, Content());
        if (random.Next(2) == 0)
            File.Delete(path);
        File.Move(temporary, path, overwrite: true);
        return Short(path);
    }

    string BecomeFolder(string path)
    {
        File.Delete(path);
        Directory.CreateDirectory(path);
        return random.Next(2) == 0 ? Short(path) : Write(Path.Combine(path, Name()), Content());
    }

    string BecomeFile(string path)
    {
        Directory.Delete(path, recursive: true);
        return Write(path, Content());
    }

    string MakeAnew(string path)
    {
        Directory.Delete(path, recursive: true);
        Directory.CreateDirectory(path);
        return Write(Path.Combine(path, Name()), Content());
    }

    // d/e becomes e/d.
    string? Invert(string outer)
    {
        if (Directory.GetDirectories(outer).FirstOrDefault(static path => new FileInfo(path).LinkTarget is null) is not { } inner)
            return null;
        var aside = Path.Combine(root, $"aside-{NodeId.New()}");
        Directory.Move(inner, aside);
        var target = Path.Combine(aside, Path.GetFileName(outer));
        if (Exists(target))
        {
            Directory.Move(aside, inner);
            return null;
        }
        Directory.Move(outer, target);
        Directory.Move(aside, outer);
        return Short(outer);
    }
}
