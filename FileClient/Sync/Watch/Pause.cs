using System.Globalization;

namespace FileClient.Sync.Watch;

/// <summary>A folder that is paused is neither read nor written until it is resumed, also over a restart of the machine.</summary>
static class Pause
{
    static string MarkerIn(string folder) => Path.Combine(folder, Core.IgnoreRules.StateFolder, "paused");

    public static bool IsOn(string folder) => File.Exists(MarkerIn(folder));

    public static void Begin(string folder, TimeProvider clock) => File.WriteAllText(MarkerIn(folder), clock.GetUtcNow().ToString("O", CultureInfo.InvariantCulture));

    public static void End(string folder) => File.Delete(MarkerIn(folder));
}
