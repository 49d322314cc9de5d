namespace FileClient.Transfer;

/// <summary>Told how a transfer gets on.</summary>
interface ITransferWatch
{
    /// <summary>A file's transfer begins; what is told about it from now on goes to the result.</summary>
    IFileWatch Begin(string name, long size);
}

/// <summary>Told how one file gets on.</summary>
interface IFileWatch : IDisposable
{
    /// <summary>So many more bytes have moved. Negative when some have to be moved again.</summary>
    void Moved(long bytes);
}

/// <summary>Nobody is watching.</summary>
sealed class Unwatched : ITransferWatch, IFileWatch
{
    public static readonly Unwatched Instance = new();

    public IFileWatch Begin(string name, long size) => this;

    public void Moved(long bytes)
    {
    }

    public void Dispose()
    {
    }
}
