namespace FileClient.Sync.Watch;

/// <summary>A folder that is watched. It keeps its identity when it is renamed, so that what was heard of it is not lost on the way.</summary>
sealed class WatchPoint
{
    /// <summary>The folder that holds it; null for the root, and for a folder that was moved away.</summary>
    public WatchPoint? Parent { get; set; }

    public string Name { get; set; } = "";

    /// <summary>The system's number for the watch; -1 where the system had none left and the folder is looked at from time to time.</summary>
    public int Descriptor { get; set; } = -1;

    public Dictionary<string, WatchPoint> Children { get; } = new(StringComparer.Ordinal);
}

/// <summary>All folders under watch, by place and by the system's number. Not safe for several threads: its owner locks.</summary>
sealed class WatchTree
{
    readonly Dictionary<int, WatchPoint> byDescriptor = [];

    public WatchPoint Root { get; } = new();

    /// <summary>How many folders the system gave no watch for.</summary>
    public int Unwatched { get; private set; }

    public int Count { get; private set; } = 1;

    public WatchPoint? Find(int descriptor) => byDescriptor.GetValueOrDefault(descriptor);

    /// <summary>The folder at a path below the root; "" is the root.</summary>
    public WatchPoint? Find(string path)
    {
        var at = Root;
        if (path.Length == 0)
            return at;
        foreach (var name in path.Split('/'))
            if (!at.Children.TryGetValue(name, out at))
                return null;
        return at;
    }

    /// <summary>Its path below the root; null when it is not below it any more.</summary>
    public string? PathOf(WatchPoint point)
    {
        List<string> names = [];
        for (var at = point; at != Root; at = at.Parent)
        {
            names.Add(at.Name);
            if (at.Parent is null)
                return null;
        }
        names.Reverse();
        return string.Join('/', names);
    }

    public WatchPoint Add(WatchPoint parent, string name)
    {
        var point = new WatchPoint { Parent = parent, Name = name };
        parent.Children[name] = point;
        Count++;
        Unwatched++;
        return point;
    }

    public void SetDescriptor(WatchPoint point, int descriptor)
    {
        if (point.Descriptor >= 0)
            byDescriptor.Remove(point.Descriptor);
        if (point != Root)
            Unwatched += (descriptor < 0 ? 1 : 0) - (point.Descriptor < 0 ? 1 : 0);
        point.Descriptor = descriptor;
        if (descriptor >= 0)
            byDescriptor[descriptor] = point;
    }

    /// <summary>The folder was renamed or moved to here, with all it holds.</summary>
    public void Move(WatchPoint point, WatchPoint parent, string name)
    {
        Detach(point);
        point.Parent = parent;
        point.Name = name;
        parent.Children[name] = point;
    }

    /// <summary>The folder is not where it was; where it is now, if anywhere, is not known yet.</summary>
    public void Detach(WatchPoint point)
    {
        if (point.Parent?.Children.GetValueOrDefault(point.Name) == point)
            point.Parent.Children.Remove(point.Name);
        point.Parent = null;
    }

    /// <summary>Takes a folder and all below it out of the tree.</summary>
    public void Remove(WatchPoint point, Action<WatchPoint> removed)
    {
        Detach(point);
        var stack = new Stack<WatchPoint>([point]);
        while (stack.TryPop(out var gone))
        {
            foreach (var child in gone.Children.Values)
                stack.Push(child);
            gone.Children.Clear();
            removed(gone);
            if (gone.Descriptor < 0)
                Unwatched--;
            else
                byDescriptor.Remove(gone.Descriptor);
            gone.Descriptor = -1;
            Count--;
        }
    }

    /// <summary>Every folder, each before those that it holds.</summary>
    public IEnumerable<WatchPoint> All()
    {
        var stack = new Stack<WatchPoint>([Root]);
        while (stack.TryPop(out var point))
        {
            yield return point;
            foreach (var child in point.Children.Values)
                stack.Push(child);
        }
    }
}
