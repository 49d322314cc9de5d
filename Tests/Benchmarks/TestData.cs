using System.Security.Cryptography;
using System.Text;

namespace Benchmarks;

/// <summary>Seeded data: a tree of office-like files and large incompressible ones, the same on every machine.</summary>
static class TestData
{
    /// <summary>
    /// Files of log-normal size (median 8 KiB, sigma 1.5, at most 4 MiB), four in ten of them text, in folders up to six deep;
    /// half of all under <c>half/</c>, so that one rename moves half of them.
    /// </summary>
    /// <returns>The bytes of all files.</returns>
    public static long Tree(string root, int files, int folders, int seed = 1)
    {
        var random = new Random(seed);
        List<string>[] sides = [[Path.Combine(root, "half")], [Path.Combine(root, "rest")]];
        for (var i = 0; i < folders - 2; i++)
        {
            var side = sides[i % 2];
            string parent;
            do
                parent = side[random.Next(side.Count)];
            while (parent[root.Length..].Count(c => c == '/') >= 6);
            side.Add(Path.Combine(parent, $"folder-{i:0000}"));
        }
        foreach (var folder in sides.SelectMany(side => side))
            Directory.CreateDirectory(folder);
        string[] binary = ["docx", "xlsx", "pdf", "jpg", "png", "zip"];
        string[] text = ["txt", "md", "csv", "html", "json"];
        long total = 0;
        for (var i = 0; i < files; i++)
        {
            var gauss = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            var size = (int)Math.Clamp(Math.Exp(Math.Log(8192) + (1.5 * gauss)), 1, 4 << 20);
            var side = sides[i % 2];
            var isText = random.NextDouble() < 0.4;
            var extensions = isText ? text : binary;
            var path = Path.Combine(side[random.Next(side.Count)], $"file {i:00000}.{extensions[random.Next(extensions.Length)]}");
            File.WriteAllBytes(path, isText ? Words(random, size) : Noise(random, size));
            total += size;
        }
        return total;
    }

    /// <summary>One file that neither compresses nor repeats.</summary>
    public static void Large(string path, int mebibytes, int seed = 3)
    {
        var random = new Random(seed);
        using var file = File.Create(path);
        for (var i = 0; i < mebibytes; i++)
            file.Write(Noise(random, 1 << 20));
    }

    /// <summary>Turns over all bits of the byte in the middle.</summary>
    public static void FlipMiddle(string path)
    {
        using var file = File.Open(path, FileMode.Open, FileAccess.ReadWrite);
        file.Position = file.Length / 2;
        var old = file.ReadByte();
        file.Position = file.Length / 2;
        file.WriteByte((byte)(old ^ 0xFF));
    }

    /// <summary>One hash over all relative paths and contents below a folder, the sync folder's own state left out.</summary>
    public static string HashOf(string root)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var path in Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories)
                     .Where(path => !path.Contains("/.fileshare/")).Order(StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes(Path.GetRelativePath(root, path)));
            using var file = File.OpenRead(path);
            hash.AppendData(SHA256.HashData(file));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    static byte[] Noise(Random random, int size)
    {
        var bytes = new byte[size];
        random.NextBytes(bytes);
        return bytes;
    }

    static byte[] Words(Random random, int size)
    {
        var text = new StringBuilder(size + 16);
        while (text.Length < size)
        {
            var word = new Random(random.Next(3000));
            for (var letters = word.Next(2, 11); letters > 0; letters--)
                text.Append((char)('a' + word.Next(26)));
            text.Append(random.Next(12) == 0 ? '\n' : ' ');
        }
        return Encoding.ASCII.GetBytes(text.ToString(0, size));
    }
}
