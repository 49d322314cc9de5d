using System.Net;
using FileServer.Settings;

namespace FileServer.Proxies;

/// <summary>Which proxies stand before this server, section <c>Proxies</c>.</summary>
sealed class ProxiesOptions
{
    /// <summary>Addresses and networks of proxies whose forwarded headers are believed, separated by spaces; nobody's without it.</summary>
    [Networks]
    public string Trusted { get; set; } = "";
}

/// <summary>A list of addresses and networks, separated by spaces or commas.</summary>
sealed class NetworksAttribute() : DescribedRule("a list of addresses and networks like '10.0.0.5 192.168.0.0/16 fd00::/8'")
{
    static readonly char[] Between = [' ', ','];

    public override bool IsValid(object? value) => value is string text && TryParse(text, out _);

    public static bool TryParse(string text, out IReadOnlyList<IPNetwork> networks)
    {
        var found = new List<IPNetwork>();
        networks = found;
        foreach (var word in text.Split(Between, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (IPAddress.TryParse(word, out var address))
                found.Add(new IPNetwork(address, address.GetAddressBytes().Length * 8));
            else if (IPNetwork.TryParse(word, out var network))
                found.Add(network);
            else
                return false;
        }
        return true;
    }
}
