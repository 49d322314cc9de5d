using System.Security.Cryptography;
using System.Text;
using FileServer.Protocol;

namespace Tests.Protocol;

public sealed class NfcTests
{
    // Printed by nfc-golden.mjs, that is by ICU with Unicode 17.
    const string Golden = "5202a693f6fbd2736d006929969a3be3ce06753ebc8d0e503f24eddbfecb3637";

    static readonly (int First, int Last)[] Ranges =
    [
        (0x41, 0x5a), (0xc0, 0x17f), (0x300, 0x36f), (0x300, 0x36f), (0x5b0, 0x5ea), (0x64b, 0x655), (0x900, 0x9ff), (0xb80, 0xdff),
        (0x1100, 0x11ff), (0xac00, 0xd7a3), (0x1e00, 0x1fff), (0x3040, 0x30ff), (0xfb1d, 0xfb4e), (0x11080, 0x11130), (0x113b8, 0x113c9),
        (0x1d15e, 0x1d1ad), (0x2f800, 0x2fa1d),
    ];

    [Fact]
    public void Every_code_point_and_many_sequences_come_out_as_ICU_has_them()
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (var point = 0; point < 0x110000; point++)
        {
            if (point is < 0xd800 or > 0xdfff)
                Put(char.ConvertFromUtf32(point));
        }
        var random = FastCdcTests.SplitMix(17, 20_000 * 7 * 8);
        for (var i = 0; i < 20_000; i++)
        {
            var text = new StringBuilder();
            for (var n = 0; n < 7; n++)
            {
                var value = BitConverter.ToUInt64(random, (i * 7 + n) * 8);
                var (first, last) = Ranges[value % (ulong)Ranges.Length];
                text.Append(char.ConvertFromUtf32(first + (int)((value >> 32) % (ulong)(last - first + 1))));
            }
            Put(text.ToString());
        }
        Assert.Equal(Golden, Convert.ToHexStringLower(sha.GetHashAndReset()));

        void Put(string text) => sha.AppendData(Encoding.UTF8.GetBytes(Nfc.Normalize(text) + "\n"));
    }

    [Fact]
    public void Names_as_macOS_writes_them_are_composed()
    {
        Assert.Equal("für Ångström", Nfc.Normalize("fu\u0308r A\u030angstro\u0308m"));
        Assert.Equal("가", Nfc.Normalize("\u1100\u1161"));
    }

    [Fact]
    public void Normal_text_is_returned_as_it_is()
    {
        foreach (var text in new[] { "", "plain.txt", "Über", "日本語", "😀", "half \ud83d pair" })
            Assert.Same(text, Nfc.Normalize(text));
    }
}
