using System.Reflection;

namespace FileClient.Api;

/// <summary>This build of the program.</summary>
static class ThisAssembly
{
    /// <summary>Its version, with the commit where the build knew it.</summary>
    public static string Version { get; } =
        typeof(ThisAssembly).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";
}
