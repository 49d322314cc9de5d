namespace FileClient.Local;

/// <summary>Tells files that hold bytes from pipes, sockets and devices, which must not even be opened.</summary>
static class FileKind
{
    public static bool IsRegular(string path)
    {
        if (!OperatingSystem.IsLinux())
            return true;
        return FileIdentity.ModeOf(path) is { } mode && (mode & 0xF000) == 0x8000;
    }
}
