//! The modules of a crate and which file names items of which other, read with `syn`.
//!
//! Modules under `#[cfg(test)]` are left out: a test is no part of the product and may look anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Item, UseTree, Visibility};

/// Re-exports, imports and globs that may stand between a name and the item that it means.
const LONGEST_CHAIN: usize = 16;

/// A crate: its modules, the first one its root.
pub struct SourceTree {
    modules: Vec<Module>,
}

/// A module: a file, or `mod name { … }` inside one.
struct Module {
    /// File, relative to the crate's `src`.
    file: PathBuf,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    /// Items that are defined here.
    items: BTreeSet<String>,
    imports: Vec<Import>,
    /// Paths of the code, one segment or more.
    paths: BTreeSet<Vec<String>>,
}

/// One name of a `use`.
#[derive(Clone)]
struct Import {
    /// The name that it brings in; `None` for a glob.
    name: Option<String>,
    path: Vec<String>,
    /// `pub use`, which names an item without using it.
    reexport: bool,
}

/// What a path means.
enum Meaning {
    Module(usize),
    /// An item that is defined in this module.
    Item(usize),
}

/// A file that names an item of another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// The file that names it, relative to the crate's `src`.
    pub from: PathBuf,
    /// The file that defines it.
    pub to: PathBuf,
    /// The item.
    pub name: String,
}

impl SourceTree {
    /// Every module below `src/lib.rs`.
    pub fn read(src: &Path) -> Self {
        let mut tree = Self {
            modules: Vec::new(),
        };
        tree.read_file(src, Path::new("lib.rs"), src, None);
        tree
    }

    /// Modules of the crate's root, in the order of their lines.
    pub fn rooms(src: &Path) -> Vec<String> {
        let file = syn::parse_file(&fs::read_to_string(src.join("lib.rs")).unwrap()).unwrap();
        let modules = file.items.into_iter().filter_map(|item| match item {
            Item::Mod(module) => Some(module.ident.to_string()),
            _ => None,
        });
        modules.collect()
    }

    /// Every use of an item of another file.
    pub fn uses(&self) -> BTreeSet<Use> {
        let mut found = BTreeSet::new();
        for (at, module) in self.modules.iter().enumerate() {
            let imported = module.imports.iter().filter(|import| {
                let named = |name: &String| module.paths.iter().any(|path| path[0] == *name);
                !import.reexport || import.name.as_ref().is_some_and(named)
            });
            let paths = imported.map(|import| &import.path).chain(&module.paths);
            for path in paths {
                let owner = match self.resolve(at, path, 0) {
                    Some(Meaning::Item(owner)) => owner,
                    Some(Meaning::Module(_)) => continue,
                    None => {
                        let own = ["crate", "super", "self"].contains(&path[0].as_str());
                        let path = path.join("::");
                        assert!(!own, "{}: what is {path}?", module.file.display());
                        continue;
                    }
                };
                let owner = &self.modules[owner].file;
                if *owner != module.file {
                    found.insert(Use {
                        from: module.file.clone(),
                        to: owner.clone(),
                        name: path.join("::"),
                    });
                }
            }
        }
        found
    }

    fn read_file(
        &mut self,
        src: &Path,
        file: &Path,
        inside: &Path,
        parent: Option<usize>,
    ) -> usize {
        let text = fs::read_to_string(src.join(file)).unwrap();
        let parsed = syn::parse_file(&text)
            .unwrap_or_else(|error| panic!("{} is no Rust: {error}", file.display()));
        self.read_module(src, file, inside, parent, parsed.items)
    }

    /// `inside`: folder in which files of child modules lie.
    fn read_module(
        &mut self,
        src: &Path,
        file: &Path,
        inside: &Path,
        parent: Option<usize>,
        items: Vec<Item>,
    ) -> usize {
        let at = self.modules.len();
        self.modules.push(Module {
            file: file.to_path_buf(),
            parent,
            children: BTreeMap::new(),
            items: BTreeSet::new(),
            imports: Vec::new(),
            paths: BTreeSet::new(),
        });
        for item in items {
            match item {
                Item::Mod(module) if is_test(&module.attrs) => {}
                Item::Mod(module) => {
                    let name = module.ident.to_string();
                    let folder = inside.join(&name);
                    let child = if let Some((_, items)) = module.content {
                        self.read_module(src, file, &folder, Some(at), items)
                    } else {
                        let flat = inside.join(format!("{name}.rs"));
                        let path = if flat.exists() {
                            flat
                        } else {
                            folder.join("mod.rs")
                        };
                        let path = path.strip_prefix(src).unwrap().to_path_buf();
                        self.read_file(src, &path, &folder, Some(at))
                    };
                    self.modules[at].children.insert(name, child);
                }
                Item::Use(used) => {
                    let reexport = !matches!(used.vis, Visibility::Inherited);
                    collect_imports(
                        &used.tree,
                        &mut Vec::new(),
                        reexport,
                        &mut self.modules[at].imports,
                    );
                }
                item => {
                    self.modules[at].items.extend(names_of(&item));
                    let tokens: Vec<TokenTree> = item.to_token_stream().into_iter().collect();
                    self.modules[at].scan(&tokens);
                }
            }
        }
        at
    }

    fn resolve(&self, at: usize, path: &[String], depth: usize) -> Option<Meaning> {
        let (first, rest) = path.split_first()?;
        let start = match first.as_str() {
            "crate" => 0,
            "self" => at,
            "super" => self.modules[at].parent?,
            _ => return self.inside(at, path, depth),
        };
        match rest.first().map(String::as_str) {
            None => Some(Meaning::Module(start)),
            Some("super") => self.resolve(start, rest, depth),
            Some(_) => self.inside(start, rest, depth),
        }
    }

    /// A path that begins with a name of module `at`.
    fn inside(&self, at: usize, path: &[String], depth: usize) -> Option<Meaning> {
        let (first, rest) = path.split_first()?;
        let module = &self.modules[at];
        if module.items.contains(first) && (rest.is_empty() || !module.children.contains_key(first))
        {
            return Some(Meaning::Item(at));
        }
        if let Some(&child) = module.children.get(first) {
            return match rest {
                [] => Some(Meaning::Module(child)),
                _ => self.inside(child, rest, depth),
            };
        }
        if depth == LONGEST_CHAIN {
            return None;
        }
        let follow = |path: &[String]| match self.resolve(at, path, depth + 1)? {
            Meaning::Module(module) if !rest.is_empty() => self.inside(module, rest, depth + 1),
            meaning => Some(meaning),
        };
        let named = |import: &&Import| import.name.as_ref() == Some(first);
        // An import of an outer crate resolves to nothing: `use rand::rand` names no module of ours.
        for import in module.imports.iter().filter(named) {
            if import.path[0] != *first
                && let Some(meaning) = follow(&import.path)
            {
                return Some(meaning);
            }
        }
        let globs = module.imports.iter().filter(|import| import.name.is_none());
        for import in globs {
            if let Some(Meaning::Module(other)) = self.resolve(at, &import.path, depth + 1)
                && other != at
                && let Some(meaning) = self.inside(other, path, depth + 1)
            {
                return Some(meaning);
            }
        }
        None
    }
}

/// Groups of files that use one another, directly or through others.
pub fn circles(uses: &BTreeSet<Use>) -> Vec<BTreeSet<PathBuf>> {
    let mut reached: BTreeMap<PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
    for Use { from, to, .. } in uses {
        reached.entry(from.clone()).or_default().insert(to.clone());
    }
    loop {
        let before: usize = reached.values().map(BTreeSet::len).sum();
        for file in reached.keys().cloned().collect::<Vec<_>>() {
            let further = reached[&file]
                .iter()
                .filter_map(|next| reached.get(next))
                .flatten()
                .cloned()
                .collect::<Vec<_>>();
            reached.entry(file).or_default().extend(further);
        }
        if before == reached.values().map(BTreeSet::len).sum::<usize>() {
            break;
        }
    }
    let back = |from: &PathBuf, to: &PathBuf| reached.get(from).is_some_and(|r| r.contains(to));
    let circles: BTreeSet<BTreeSet<PathBuf>> = reached
        .keys()
        .filter(|file| back(file, file))
        .map(|file| {
            let others = reached[file].iter().filter(|other| back(other, file));
            others.cloned().collect()
        })
        .collect();
    circles.into_iter().collect()
}

impl Module {
    /// Paths and inner `use` lines among tokens, macros' arguments included.
    fn scan(&mut self, tokens: &[TokenTree]) {
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    self.scan(&inner);
                    at += 1;
                }
                TokenTree::Ident(word) if word == "use" && is_statement(tokens, at) => {
                    let end = tokens[at..].iter().position(|token| is_mark(token, ';'));
                    let end = at + end.unwrap_or(tokens.len() - at - 1);
                    let line: TokenStream = tokens[at..=end].iter().cloned().collect();
                    if let Ok(used) = syn::parse2::<syn::ItemUse>(line) {
                        collect_imports(&used.tree, &mut Vec::new(), false, &mut self.imports);
                    }
                    at = end + 1;
                }
                TokenTree::Ident(word) => {
                    // `.name` is a field or a method of whatever stands before it.
                    let member = at > 0 && is_mark(&tokens[at - 1], '.');
                    let mut path = vec![word.to_string()];
                    at += 1;
                    while let [
                        TokenTree::Punct(a),
                        TokenTree::Punct(b),
                        TokenTree::Ident(next),
                        ..,
                    ] = &tokens[at..]
                        && a.as_char() == ':'
                        && b.as_char() == ':'
                    {
                        path.push(next.to_string());
                        at += 3;
                    }
                    if !member {
                        self.paths.insert(path);
                    }
                }
                _ => at += 1,
            }
        }
    }
}

fn is_mark(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}

/// `use` at the begin of a statement, and not the `use<…>` of a bound.
fn is_statement(tokens: &[TokenTree], at: usize) -> bool {
    let before = match at.checked_sub(1).map(|before| &tokens[before]) {
        None => true,
        Some(TokenTree::Group(group)) => group.delimiter() != Delimiter::Parenthesis,
        Some(token) => is_mark(token, ';'),
    };
    before && tokens.get(at + 1).is_some_and(|next| !is_mark(next, '<'))
}

fn collect_imports(
    tree: &UseTree,
    before: &mut Vec<String>,
    reexport: bool,
    found: &mut Vec<Import>,
) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            collect_imports(&path.tree, before, reexport, found);
            before.pop();
        }
        UseTree::Name(name) if name.ident == "self" => found.push(Import {
            name: before.last().cloned(),
            path: before.clone(),
            reexport,
        }),
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            let path = before.iter().cloned().chain([name.clone()]).collect();
            found.push(Import {
                name: Some(name),
                path,
                reexport,
            });
        }
        UseTree::Rename(rename) => {
            let own = (rename.ident != "self").then(|| rename.ident.to_string());
            found.push(Import {
                name: Some(rename.rename.to_string()),
                path: before.iter().cloned().chain(own).collect(),
                reexport,
            });
        }
        UseTree::Glob(_) => found.push(Import {
            name: None,
            path: before.clone(),
            reexport,
        }),
        UseTree::Group(group) => {
            for tree in &group.items {
                collect_imports(tree, before, reexport, found);
            }
        }
    }
}

/// Whether `#[cfg(test)]`, alone or within `all(…)`, stands before an item.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let words = attribute.meta.to_token_stream().to_string();
        attribute.path().is_ident("cfg")
            && !words.contains("not")
            && words
                .split(|c: char| !c.is_alphanumeric())
                .any(|w| w == "test")
    })
}

fn names_of(item: &Item) -> Vec<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        Item::Macro(item) => match &item.ident {
            Some(name) => {
                let mut names = types_within(&item.mac.tokens);
                names.push(name.to_string());
                return names;
            }
            None => return names_within(&item.mac.tokens),
        },
        _ => return Vec::new(),
    };
    vec![name.to_string()]
}

/// Types that a macro defines under names of its own.
fn types_within(tokens: &TokenStream) -> Vec<String> {
    let all: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut names: Vec<String> = Vec::new();
    for pair in all.windows(2) {
        if let [TokenTree::Ident(keyword), TokenTree::Ident(name)] = pair
            && (keyword == "enum" || keyword == "struct")
        {
            names.push(name.to_string());
        }
    }
    for token in &all {
        if let TokenTree::Group(group) = token {
            names.extend(types_within(&group.stream()));
        }
    }
    names
}

/// Items that a macro is handed as they stand.
fn names_within(tokens: &TokenStream) -> Vec<String> {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let pairs = tokens.windows(2).filter_map(|pair| match pair {
        [TokenTree::Ident(keyword), TokenTree::Ident(name)] => Some((keyword, name)),
        _ => None,
    });
    pairs
        .filter(|(keyword, _)| {
            ["enum", "struct", "fn", "trait", "type", "const"]
                .iter()
                .any(|k| keyword == k)
        })
        .map(|(_, name)| name.to_string())
        .collect()
}
