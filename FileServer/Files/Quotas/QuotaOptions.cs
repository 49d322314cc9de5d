using System.ComponentModel.DataAnnotations;

namespace FileServer.Files.Quotas;

/// <summary>How room is promised to uploads of spaces that have a quota.</summary>
sealed class QuotaOptions
{
    /// <summary>Requests with fewer bytes than this are held against the quota when they end, not when they begin.</summary>
    [Range(0, 1024L * 1024 * 1024)]
    public long ReserveFromBytes { get; set; } = 1024 * 1024;

    /// <summary>After so long a promise is void, should the server that made it not come back.</summary>
    [Range(1, 720)]
    public int ReservationHours { get; set; } = 48;
}
