namespace Tests.Architecture;

/// <summary>A rule of the house holds when nobody offends; else everybody who does is named.</summary>
static class Offences
{
    public static void None(IEnumerable<string> offenders)
    {
        var all = offenders.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        Assert.True(all.Count == 0, $"{all.Count} offence(s):\n  {string.Join("\n  ", all)}");
    }
}
