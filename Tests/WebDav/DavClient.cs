using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Xml.Linq;
using FileServer.Protocol.Contracts;
using Tests.Support;

namespace Tests.WebDav;

/// <summary>Somebody who uses a space as a drive: with a personal token, by plain HTTP.</summary>
sealed class DavClient : IDisposable
{
    public static readonly XNamespace Dav = "DAV:";

    DavClient(World world, HttpClient api, Space space, string token)
    {
        (Api, Space, Token) = (api, space, token);
        Http = world.Anonymous();
        Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($@"DOMAIN\somebody:{token}")));
    }

    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    /// <summary>The same person at the API.</summary>
    public HttpClient Api { get; }

    public HttpClient Http { get; }

    public Space Space { get; }

    public string Token { get; }

    public string Root => $"/dav/{Space.Name}";

    public string Files => $"/api/v1/spaces/{Space.Name}/files";

    public static async Task<DavClient> OpenAsync(World world, string role = "editor", string person = "ann", Space? space = null)
    {
        space ??= await world.SpaceAsync($"s{Guid.CreateVersion7():N}", role, [person], Cancelled);
        var api = await world.SignedInAsync(person, Cancelled);
        using var made = await api.PostAsJsonAsync("/api/v1/tokens", new TokenRequest("drive"), WireJson.Default.TokenRequest, Cancelled);
        var token = (await made.Content.ReadFromJsonAsync(WireJson.Default.CreatedToken, Cancelled))!.Token;
        return new DavClient(world, api, space, token);
    }

    /// <summary>Another person in the same space.</summary>
    public async Task<DavClient> BesideAsync(World world, string person, string role = "editor")
    {
        await world.SignedInAsync(person, Cancelled);
        var admin = await world.AdminAsync(Cancelled);
        using var granted = await admin.PostAsJsonAsync($"/api/v1/spaces/{Space.Id}/nodes/{Space.Id}/grants", new GrantRequest($"user:{person}", role, null), WireJson.Default.GrantRequest, Cancelled);
        Assert.Equal(HttpStatusCode.Created, granted.StatusCode);
        return await OpenAsync(world, role, person, Space);
    }

    /// <param name="path">Below the space; an address when it starts with a slash.</param>
    public async Task<HttpResponseMessage> SendAsync(string method, string path, string? body, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), Address(path));
        if (body is not null)
            request.Content = new StringContent(body, Encoding.UTF8, body.StartsWith('<') ? "application/xml" : "application/octet-stream");
        foreach (var (name, value) in headers)
        {
            if (!request.Headers.TryAddWithoutValidation(name, value))
                request.Content!.Headers.TryAddWithoutValidation(name, value);
        }
        return await Http.SendAsync(request, Cancelled);
    }

    public string Address(string path) => path.StartsWith('/') ? path : $"{Root}/{path}";

    /// <returns>The status.</returns>
    public async Task<int> StatusAsync(string method, string path, string? body = null, params (string Name, string Value)[] headers)
    {
        using var answer = await SendAsync(method, path, body, headers);
        return (int)answer.StatusCode;
    }

    public Task<int> PutAsync(string path, string text, params (string Name, string Value)[] headers) => StatusAsync("PUT", path, text, headers);

    public async Task<string> GetAsync(string path) => await Http.GetStringAsync(Address(path), Cancelled);

    public async Task<XElement> XmlAsync(string method, string path, string? body, params (string Name, string Value)[] headers)
    {
        using var answer = await SendAsync(method, path, body, headers);
        var text = await answer.Content.ReadAsStringAsync(Cancelled);
        Assert.True((int)answer.StatusCode is 207 or 200 or 201, $"{method} {path} answered {(int)answer.StatusCode}: {text}");
        return XElement.Parse(text);
    }

    /// <summary>Properties of a resource with their status, by the name of each.</summary>
    public async Task<Dictionary<XName, (string Status, XElement Property)>> PropertiesAsync(string path, string body)
    {
        var answer = await XmlAsync("PROPFIND", path, body, ("Depth", "0"));
        return answer.Elements(Dav + "response").Single().Elements(Dav + "propstat")
            .SelectMany(part => part.Element(Dav + "prop")!.Elements().Select(property => (property.Name, part.Element(Dav + "status")!.Value, property)))
            .ToDictionary(found => found.Name, found => (found.Value.Split(' ')[1], found.property));
    }

    /// <summary>The addresses that a listing names.</summary>
    public async Task<string[]> ListAsync(string path) =>
        [.. (await XmlAsync("PROPFIND", path, null, ("Depth", "1"))).Elements(Dav + "response").Select(one => one.Element(Dav + "href")!.Value)];

    /// <summary>Locks and answers the token, without brackets.</summary>
    public async Task<string> LockAsync(string path, string scope = "exclusive", params (string Name, string Value)[] headers)
    {
        using var answer = await SendAsync("LOCK", path, LockBody(scope), headers);
        Assert.True((int)answer.StatusCode is 200 or 201, $"LOCK answered {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync(Cancelled)}");
        return answer.Headers.GetValues("Lock-Token").Single().Trim('<', '>');
    }

    public static string LockBody(string scope = "exclusive") =>
        $"<D:lockinfo xmlns:D=\"DAV:\"><D:lockscope><D:{scope}/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner><D:href>mailto:ann@example.org</D:href></D:owner></D:lockinfo>";

    public async Task<Node> NodeAsync(string path) => (await Api.GetFromJsonAsync($"{Files}/{path}?stat", WireJson.Default.Node, Cancelled))!;

    public void Dispose() => Http.Dispose();
}
